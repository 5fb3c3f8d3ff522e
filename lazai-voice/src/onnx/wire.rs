//! Protobuf's wire format: the fields of a message, whatever they mean.

use super::bad;
use crate::error::Result;

/// A field's value as protobuf writes it.
pub(super) enum Field<'a> {
    Integer(i64),
    Bytes(&'a [u8]),
    Four([u8; 4]),
    Eight,
}

impl Field<'_> {
    /// A repeated integer, packed or one by one.
    pub(super) fn integers(&self, into: &mut Vec<i64>) -> Result<()> {
        match self {
            Self::Integer(one) => into.push(*one),
            Self::Bytes(packed) => {
                let mut packed = *packed;
                while !packed.is_empty() {
                    into.push(varint(&mut packed)?);
                }
            }
            _ => return Err(bad("a field of another type")),
        }
        Ok(())
    }
}

/// The fields of a message; ends behind the first error.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Field<'a>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Result<(u64, Field<'a>)> {
        let key = varint(&mut self.0)?.cast_unsigned();
        let value = match key & 7 {
            0 => Field::Integer(varint(&mut self.0)?),
            1 => self.take(8).map(|_| Field::Eight)?,
            2 => {
                let length = usize::try_from(varint(&mut self.0)?).map_err(|_| bad("a negative length"))?;
                Field::Bytes(self.take(length)?)
            }
            5 => Field::Four(self.take(4)?.try_into().map_err(|_| bad("cut short"))?),
            other => return Err(bad(&format!("wire type {other}"))),
        };
        Ok((key >> 3, value))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or_else(|| bad("cut short"))?;
        self.0 = rest;
        Ok(taken)
    }
}

fn varint(bytes: &mut &[u8]) -> Result<i64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first().ok_or_else(|| bad("cut short"))?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(value.cast_signed());
        }
    }
    Err(bad("an integer of more than 64 bits"))
}
