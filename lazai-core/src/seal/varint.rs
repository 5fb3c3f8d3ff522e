//! Integers of variable length, as QUIC has them (RFC 9000, section 16).

/// Appends an integer in its shortest form.
///
/// # Panics
/// Never for lengths of anything in memory: beyond 2^62 the value is cut.
pub fn put(out: &mut Vec<u8>, value: u64) {
    match value {
        0..=0x3f => out.push(value as u8),
        0x40..=0x3fff => out.extend_from_slice(&(value as u16 | 0x4000).to_be_bytes()),
        0x4000..=0x3fff_ffff => out.extend_from_slice(&(value as u32 | 0x8000_0000).to_be_bytes()),
        _ => out.extend_from_slice(&(value | 0xc000_0000_0000_0000).to_be_bytes()),
    }
}

/// Takes an integer, in whatever form: it, and what is behind it. `None` if there is more to come.
#[must_use]
pub fn take(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let length = 1_usize << (bytes.first()? >> 6);
    let (taken, behind) = bytes.split_at_checked(length)?;
    let value = taken.iter().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
    let mask = u64::MAX >> (66 - 8 * length.min(8));
    Some((value & mask, behind))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// RFC 9000, appendix A.1.
    #[test]
    fn integers_are_those_of_the_rfc() {
        for (bytes, value) in [
            (&[0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c][..], 151_288_809_941_952_652),
            (&[0x9d, 0x7f, 0x3e, 0x7d], 494_878_333),
            (&[0x7b, 0xbd], 15_293),
            (&[0x25], 37),
        ] {
            assert_eq!(take(bytes), Some((value, &[][..])));
            let mut put_ = Vec::new();
            put(&mut put_, value);
            assert_eq!(put_, bytes);
            assert_eq!(take(&bytes[..bytes.len() - 1]), None);
        }
        assert_eq!(take(&[0x40, 0x25, 9]), Some((37, &[9][..])), "a longer form is read, too");
        for value in [0, 0x3f, 0x40, 0x3fff, 0x4000, 0x3fff_ffff, 0x4000_0000, (1 << 62) - 1] {
            let mut bytes = Vec::new();
            put(&mut bytes, value);
            assert_eq!(take(&bytes), Some((value, &[][..])));
        }
    }
}
