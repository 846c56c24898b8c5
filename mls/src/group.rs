//! How every group of ours is configured, named and encoded.

use openmls::{messages::group_info::VerifiableGroupInfo, prelude::*};
use shared::{ConversationId, credential::EXTENSION_TYPE, policy::Policy};
use tls_codec::{Deserialize as _, Serialize as _};

use crate::leaf::{CREDENTIAL, POLICY, SUITE};

/// Handshake messages are public (the server checks them), application messages always private.
pub const WIRE_FORMAT: WireFormatPolicy = PURE_PLAINTEXT_WIRE_FORMAT_POLICY;
/// How far out of order inside one epoch, and how far ahead, a sender's messages may be.
const RATCHET: (u32, u32) = (64, 1_000);

/// The bytes are not an MLS message of the expected kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the expected MLS message")]
pub struct NotMls;

/// MLS group id = conversation id ‖ generation.
#[must_use]
pub fn group_id(conversation: ConversationId, generation: u32) -> GroupId {
    GroupId::from_slice(&[&conversation.as_bytes()[..], &generation.to_be_bytes()].concat())
}

/// The two parts of a group id of ours.
#[must_use]
pub fn parse_group_id(id: &GroupId) -> Option<(ConversationId, u32)> {
    let (conversation, generation) = id.as_slice().split_at_checked(16)?;
    Some((ConversationId::from_slice(conversation)?, u32::from_be_bytes(generation.try_into().ok()?)))
}

/// What a joiner configures.
#[must_use]
pub fn join_config() -> MlsGroupJoinConfig {
    MlsGroupJoinConfig::builder()
        .wire_format_policy(WIRE_FORMAT)
        .sender_ratchet_configuration(SenderRatchetConfiguration::new(RATCHET.0, RATCHET.1))
        .use_ratchet_tree_extension(true)
        .padding_size(0)
        .set_past_epoch_deletion_policy(PastEpochDeletionPolicy::MaxEpochs(0))
        .number_of_resumption_psks(0)
        .build()
}

/// What a creator configures.
#[must_use]
pub fn create_config(policy: &Policy, capabilities: Capabilities, lifetime: Lifetime) -> Option<MlsGroupCreateConfig> {
    let config = MlsGroupCreateConfig::builder()
        .ciphersuite(SUITE)
        .wire_format_policy(WIRE_FORMAT)
        .capabilities(capabilities)
        .sender_ratchet_configuration(SenderRatchetConfiguration::new(RATCHET.0, RATCHET.1))
        .use_ratchet_tree_extension(true)
        .padding_size(0)
        .set_past_epoch_deletion_policy(PastEpochDeletionPolicy::MaxEpochs(0))
        .number_of_resumption_psks(0)
        .with_group_context_extensions(context_extensions(policy)?)
        .lifetime(lifetime)
        .build();
    Some(config)
}

/// Exactly required_capabilities and the policy.
fn context_extensions(policy: &Policy) -> Option<Extensions<GroupContext>> {
    let required = RequiredCapabilitiesExtension::new(&[POLICY], &[], &[CREDENTIAL]);
    Extensions::from_vec(vec![
        Extension::RequiredCapabilities(required),
        Extension::Unknown(EXTENSION_TYPE, UnknownExtension(policy.encode())),
    ])
    .ok()
}

/// An `MLSMessage`.
///
/// # Errors
/// [`NotMls`].
pub fn message(bytes: &[u8]) -> Result<MlsMessageIn, NotMls> {
    MlsMessageIn::tls_deserialize_exact(bytes).map_err(|_| NotMls)
}

/// A handshake or application message.
///
/// # Errors
/// [`NotMls`].
pub fn protocol_message(bytes: &[u8]) -> Result<ProtocolMessage, NotMls> {
    message(bytes)?.try_into_protocol_message().map_err(|_| NotMls)
}

/// A group info.
///
/// # Errors
/// [`NotMls`].
pub fn group_info(bytes: &[u8]) -> Result<VerifiableGroupInfo, NotMls> {
    match message(bytes)?.extract() {
        MlsMessageBodyIn::GroupInfo(info) => Ok(info),
        _ => Err(NotMls),
    }
}

/// A Welcome.
///
/// # Errors
/// [`NotMls`].
pub fn welcome(bytes: &[u8]) -> Result<Welcome, NotMls> {
    match message(bytes)?.extract() {
        MlsMessageBodyIn::Welcome(welcome) => Ok(welcome),
        _ => Err(NotMls),
    }
}

/// A key package, validated by openmls (signature, lifetime by the wall clock, capabilities).
///
/// # Errors
/// [`NotMls`].
pub fn key_package(bytes: &[u8], crypto: &impl OpenMlsCrypto) -> Result<KeyPackage, NotMls> {
    match message(bytes)?.extract() {
        MlsMessageBodyIn::KeyPackage(package) => package.validate(crypto, ProtocolVersion::Mls10).map_err(|_| NotMls),
        _ => Err(NotMls),
    }
}

/// The bytes of an outgoing message.
///
/// # Errors
/// [`NotMls`] when openmls can't encode its own message.
pub fn bytes(message: &MlsMessageOut) -> Result<Vec<u8>, NotMls> {
    message.tls_serialize_detached().map_err(|_| NotMls)
}
