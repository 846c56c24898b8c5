//! A commit that the server stored and that can't be applied here: who is to blame, what is kept of it, what the person sees.
//!
//! The server can't check path secrets and tags, so a member can store a commit nobody can follow; and the two tags are outside
//! MLS' signature, so the server could spoil an honest one. The device key's signature over the complete bytes tells the two
//! apart: whoever signed exactly what came is named, and nobody else ever (protocol §3).

use sha2::{Digest as _, Sha256};
use shared::{Bytes, ConversationId, Millis, codec, frame::Row, time::MINUTE, time::SECOND};

use super::{place, receive::Applied};
use crate::{
    output::{Row as StateRow, Space},
    rows::{EVIDENCE, Evidence, Standing, Wedge},
    session::{Ctx, Session},
    view::SystemLine,
};

/// Bytes above this are not kept themselves: their hash is, and the signature over it.
const WHOLE: usize = 1 << 20;
/// So many are kept; the oldest go first.
const KEPT: usize = 16;

impl Session {
    /// Judges a commit that could not be applied, by everything but the group's secrets.
    pub(super) fn judge(&mut self, ctx: &mut Ctx<'_>, id: ConversationId, row: &Row) -> Applied {
        let generation = self.convs.get(&id).map_or(0, |conv| conv.generation);
        let (Some(bytes), Ok(mut shadow)) = (&row.body, self.groups.shadow((id, generation))) else {
            return self.altered(ctx, id, row);
        };
        let Ok(change) = shadow.run(row, bytes.as_slice()) else { return self.altered(ctx, id, row) };
        let actor = change.actor.certificate();
        // An own commit whose keys went with an earlier run is nobody's fault.
        if actor.device != self.me.device {
            self.keep_evidence(ctx.now, id, row, Some(change.external));
            let name = self.person(actor.account).name;
            let line = if change.external { SystemLine::Unfollowed { name } } else { SystemLine::Disturbed { name } };
            self.system_line(id, row.number, place::WEDGE, row.at, line);
        }
        Applied::Stuck(Some(actor.device))
    }

    /// What came is not what a device signed, or breaks a rule that every honest server checks: it was changed on the way, and
    /// nobody but the server is named. It is asked for again, less and less often (1 s … 5 min).
    pub(super) fn altered(&mut self, ctx: &mut Ctx<'_>, id: ConversationId, row: &Row) -> Applied {
        self.keep_evidence(ctx.now, id, row, None);
        self.system_line(id, row.number, place::WEDGE, row.at, SystemLine::Altered);
        let live = self.live.entry(id).or_default();
        let pause = (SECOND << live.altered.min(9)).min(5 * MINUTE);
        live.altered += 1;
        live.again = Some(ctx.now.plus(pause + ctx.entropy.below(SECOND)));
        Applied::Altered
    }

    /// Asks again for rows that came altered.
    pub(crate) fn ask_again(&mut self, ctx: &mut Ctx<'_>) {
        let now = ctx.now;
        let due: Vec<_> =
            self.live.iter().filter(|(_, live)| live.again.is_some_and(|at| at <= now)).map(|(id, _)| *id).collect();
        for id in due {
            if let Some(live) = self.live.get_mut(&id) {
                live.again = None;
                live.fetching = false;
            }
            self.catch_up_anyway(ctx, id);
        }
    }

    /// This device can't follow the group any more: nothing is read or sealed until it has come back in.
    pub(crate) fn stuck(&mut self, ctx: &mut Ctx<'_>, id: ConversationId, device: Option<shared::DeviceId>) {
        let Some(conv) = self.conversation(id) else { return };
        conv.standing = Standing::Stuck;
        conv.wedge = Some(Wedge { number: conv.cursor + 1, device });
        self.drop_commit(id);
        self.repair_soon(ctx, id);
    }

    /// `external`: none when the device did not make these bytes, else whether it is an external commit.
    fn keep_evidence(&mut self, now: Millis, id: ConversationId, row: &Row, external: Option<bool>) {
        let genuine = external.is_some();
        let tail = [&id.as_bytes()[..], &row.number.to_be_bytes(), &[u8::from(genuine)]].concat();
        if self.evidence.keys().any(|key| key.ends_with(&tail)) {
            return;
        }
        let hash: [u8; 32] = Sha256::digest(row.body.as_ref().map_or(&[][..], |bytes| bytes.as_slice())).into();
        let evidence = Evidence {
            conversation: id,
            generation: row.generation,
            epoch: row.epoch,
            number: row.number,
            device: row.device,
            account: row.account,
            message: row.message,
            signature: row.signature.clone(),
            hash: Bytes::from(hash),
            body: row.body.clone().filter(|bytes| bytes.0.len() <= WHOLE),
            genuine,
            external: external.unwrap_or(false),
        };
        let key = [EVIDENCE, &now.0.to_be_bytes(), &tail].concat();
        self.batch.rows.push(StateRow { space: Space::Meta, key: key.clone(), value: Some(codec::encode(&evidence)) });
        self.evidence.insert(key, evidence);
        while self.evidence.len() > KEPT
            && let Some((key, _)) = self.evidence.pop_first()
        {
            self.batch.rows.push(StateRow { space: Space::Meta, key, value: None });
        }
    }
}
