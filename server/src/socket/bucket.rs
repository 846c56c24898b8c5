//! How many frames a device may send: a bucket that fills by the clock (F037).

use std::time::Duration;

use tokio::time::Instant;

/// So many at once, so many a second in the long run.
#[derive(Debug)]
pub struct Bucket {
    burst: u32,
    each: Duration,
    /// When the bucket would be full again.
    full_at: Instant,
}

impl Bucket {
    /// A full bucket.
    #[must_use]
    pub fn new(burst: u32, per_second: u32) -> Self {
        Self { burst: burst.max(1), each: Duration::from_secs(1) / per_second.max(1), full_at: Instant::now() }
    }

    /// Takes one, or says how long to wait for it.
    ///
    /// # Errors
    /// The time until there is one again.
    pub fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let full_at = self.full_at.max(now) + self.each;
        let most = self.each * self.burst;
        let ahead = full_at - now;
        if ahead > most {
            return Err(ahead - most);
        }
        self.full_at = full_at;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn a_burst_then_a_steady_trickle() {
        let start = Instant::now();
        let mut bucket = Bucket::new(3, 10);
        bucket.full_at = start;
        assert_eq!((0..3).filter(|_| bucket.take(start).is_ok()).count(), 3);
        assert_eq!(bucket.take(start), Err(Duration::from_millis(100)));
        assert!(bucket.take(start + Duration::from_millis(99)).is_err());
        assert!(bucket.take(start + Duration::from_millis(100)).is_ok());
        assert!(bucket.take(start + Duration::from_millis(100)).is_err());
    }
}
