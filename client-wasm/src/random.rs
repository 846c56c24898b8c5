//! The core's seed, from `crypto.getRandomValues`.

use zeroize::Zeroizing;

/// Bytes looked at before the generator is trusted.
const SAMPLE: usize = 1_024;
/// In 1,024 fair bytes no value comes 25 times but once in 10^9 starts.
const TOO_OFTEN: usize = 25;

/// The browser gave bytes that are none of a random generator, or none at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoRandomness;

/// 32 fresh bytes.
pub(crate) fn seed() -> Result<Zeroizing<[u8; 32]>, NoRandomness> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom_04::fill(seed.as_mut()).map_err(|_| NoRandomness)?;
    Ok(seed)
}

/// At the start, as SP 800-90B §4.4 has it in spirit: a source that is stuck or badly biased is refused.
pub(crate) fn test() -> Result<(), NoRandomness> {
    let mut sample = [0; SAMPLE];
    getrandom_04::fill(&mut sample).map_err(|_| NoRandomness)?;
    plausible(&sample)
}

fn plausible(sample: &[u8]) -> Result<(), NoRandomness> {
    let mut counts = [0_usize; 256];
    for byte in sample {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    let repeated = sample.chunks_exact(16).zip(sample.chunks_exact(16).skip(1)).any(|(one, next)| one == next);
    if repeated || counts.iter().any(|count| *count >= TOO_OFTEN) { Err(NoRandomness) } else { Ok(()) }
}
