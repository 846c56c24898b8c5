//! The key-stretching function of OPAQUE: a closed table of versions, none weaker than today's.

use argon2::{Algorithm, Argon2, Params, Version};
use opaque_ke::{
    errors::InternalError,
    generic_array::{ArrayLength, GenericArray},
    ksf::Ksf,
};
use shared::limits;

/// A key-stretching function with its version byte, and how much else a core computes in advance. The simulator has a cheap one
/// of its own: a type parameter, never a cargo feature (features unify into the release).
pub trait Stretch: Ksf + 'static {
    /// What stands in the OPAQUE record; a server that names another is refused before anything is stretched.
    const VERSION: u8;
    /// One-time key packages a device keeps on the server.
    const POOL: usize = limits::POOL;
    /// It makes more when fewer than these are left.
    const POOL_LOW: usize = limits::POOL_LOW;
}

/// Argon2id, m = 64 MiB, t = 3, p = 1 (RFC 9106's memory-constrained choice with one lane), version byte 1.
#[derive(Clone, Copy, Debug, Default)]
pub struct Argon2id;

/// Memory in KiB, passes, lanes.
const COST: (u32, u32, u32) = (64 * 1024, 3, 1);

impl Ksf for Argon2id {
    fn hash<L: ArrayLength<u8>>(&self, input: GenericArray<u8, L>) -> Result<GenericArray<u8, L>, InternalError> {
        let mut output = GenericArray::<u8, L>::default();
        let params = Params::new(COST.0, COST.1, COST.2, Some(output.len())).map_err(|_| InternalError::KsfError)?;
        // The salt is fixed because the input is already unique an account and server (RFC 9807 §6.4.1: zeros).
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(&input, &[0; 16], &mut output)
            .map_err(|_| InternalError::KsfError)?;
        Ok(output)
    }
}

impl Stretch for Argon2id {
    const VERSION: u8 = 1;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pins m, t, p, the salt and the variant. Computed independently with the reference implementation (argon2-cffi).
    #[test]
    fn argon2id_is_what_the_version_says() {
        let input = GenericArray::<u8, opaque_ke::generic_array::typenum::U64>::from([7; 64]);
        let output = Argon2id.hash(input).unwrap();
        let hex: String = output.iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, VECTOR);
    }

    const VECTOR: &str = "8955177e97585f901ae86debee70e30e6a9ba75d44ef458de4d84128567e80ae56758f7eacd3f5e7158ec5cf4ec665184826e725a7774e30731793293332479a";
}
