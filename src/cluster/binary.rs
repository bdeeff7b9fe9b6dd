//! The API server's binary form: protobuf in an envelope. It is read by hand, field by field, straight into the records
//! that JSON fills, too; `prost` would need types of its own for each. Numbers of fields are those of `generated.proto` of
//! `k8s.io/apimachinery` and `k8s.io/api`, which never change.

use std::borrow::Cow;

use kube::core::{Status, response::StatusDetails};
use thiserror::Error;

/// What may be asked for where both forms are understood.
pub(super) const ACCEPTED: &str = "application/vnd.kubernetes.protobuf, application/json";
/// What an answer in this form begins with.
const MAGIC: &[u8] = b"k8s\0";
/// The message in its envelope, `runtime.Unknown`.
const RAW: u64 = 2;
/// A number has at most so many bytes, of seven bits each.
const LONGEST_NUMBER: usize = 10;

/// What is no message of the kind that was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("it is cut or broken")]
pub(super) struct Malformed;

/// A field's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Number(u64),
    /// A text, or a message.
    Bytes(&'a [u8]),
    /// Four or eight bytes, of which no field is kept.
    Fixed,
}

/// What is filled from a message, a field at a time. Fields that are not known are passed over.
pub(super) trait Fill: Default {
    fn fill(&mut self, field: u64, value: Value<'_>) -> Result<(), Malformed>;
}

/// Reads a whole message.
pub(super) fn parse_message<T: Fill>(bytes: &[u8]) -> Result<T, Malformed> {
    let mut message = T::default();
    for field in Fields(bytes) {
        let (number, value) = field?;
        message.fill(number, value)?;
    }
    Ok(message)
}

/// The message of an answer; none where the answer is in another form.
pub(super) fn unwrap_message(body: &[u8]) -> Option<Result<&[u8], Malformed>> {
    let envelope = body.strip_prefix(MAGIC)?;
    for field in Fields(envelope) {
        match field {
            Ok((RAW, value)) => return Some(value.bytes()),
            Ok(_) => {}
            Err(malformed) => return Some(Err(malformed)),
        }
    }
    Some(Err(Malformed))
}

/// Why the server said no; none where it says so in another form.
pub(super) fn parse_status(body: &[u8]) -> Option<Status> {
    let refusal: Refusal = parse_message(unwrap_message(body)?.ok()?).ok()?;
    Some(refusal.0)
}

impl<'a> Value<'a> {
    pub(super) fn bytes(self) -> Result<&'a [u8], Malformed> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::Number(_) | Self::Fixed => Err(Malformed),
        }
    }

    /// Go lets a text pass that is cut within a character; as JSON it has a mark there, too.
    pub(super) fn text(self) -> Result<Cow<'a, str>, Malformed> {
        let bytes = self.bytes()?;
        // Whether it is whole is seen many bytes at a time.
        Ok(str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed))
    }

    pub(super) fn message<T: Fill>(self) -> Result<T, Malformed> {
        parse_message(self.bytes()?)
    }

    /// A number with a sign, in two's complement.
    pub(super) fn signed(self) -> Result<i64, Malformed> {
        match self {
            Self::Number(number) => Ok(number.cast_signed()),
            Self::Bytes(_) | Self::Fixed => Err(Malformed),
        }
    }
}

/// The fields of a message, one after the other. Ends after the first that is malformed.
#[derive(Debug)]
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Value<'a>), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field.ok_or(Malformed))
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Option<(u64, Value<'a>)> {
        let key = self.number()?;
        let value = match key & 7 {
            0 => Value::Number(self.number()?),
            1 => self.take(8).map(|_| Value::Fixed)?,
            2 => {
                let length = self.number()?.try_into().ok()?;
                Value::Bytes(self.take(length)?)
            }
            5 => self.take(4).map(|_| Value::Fixed)?,
            _ => return None,
        };
        Some((key >> 3, value))
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    /// Seven bits a byte, the lowest first; the last byte lacks the highest bit.
    #[inline]
    fn number(&mut self) -> Option<u64> {
        // Keys and lengths are hardly ever longer.
        if let [byte @ ..0x80, rest @ ..] = self.0 {
            self.0 = rest;
            return Some(u64::from(*byte));
        }
        self.long_number()
    }

    fn long_number(&mut self) -> Option<u64> {
        let mut number = 0;
        for (place, byte) in self.0.iter().take(LONGEST_NUMBER).enumerate() {
            number |= u64::from(byte & 0x7f) << (7 * place);
            if byte & 0x80 == 0 {
                self.0 = &self.0[place + 1..];
                return Some(number);
            }
        }
        None
    }
}

/// `Status`.
#[derive(Default)]
struct Refusal(Status);

impl Fill for Refusal {
    fn fill(&mut self, field: u64, value: Value<'_>) -> Result<(), Malformed> {
        match field {
            3 => self.0.message = value.text()?.into_owned(),
            4 => self.0.reason = value.text()?.into_owned(),
            5 => self.0.details = Some(value.message::<RefusalDetails>()?.0),
            _ => {}
        }
        Ok(())
    }
}

/// `StatusDetails`.
struct RefusalDetails(StatusDetails);

impl Default for RefusalDetails {
    fn default() -> Self {
        Self(StatusDetails {
            name: String::new(),
            group: String::new(),
            kind: String::new(),
            uid: String::new(),
            causes: Vec::new(),
            retry_after_seconds: 0,
        })
    }
}

impl Fill for RefusalDetails {
    fn fill(&mut self, field: u64, value: Value<'_>) -> Result<(), Malformed> {
        match field {
            1 => self.0.name = value.text()?.into_owned(),
            2 => self.0.group = value.text()?.into_owned(),
            3 => self.0.kind = value.text()?.into_owned(),
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A field with a text or a message of less than 128 bytes, as it is written.
    pub(in crate::cluster) fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        let length = u8::try_from(bytes.len()).unwrap();
        assert!(length < 0x80 && number < 16);
        [&[number << 3 | 2, length], bytes].concat()
    }

    /// An answer, without its envelope's other fields.
    pub(in crate::cluster) fn answer(message: &[u8]) -> Vec<u8> {
        [MAGIC, &field(2, message)].concat()
    }

    fn refused() -> Vec<u8> {
        let details = [field(1, b"a"), field(3, b"pods")].concat();
        let message = field(3, b"pods \"a\" not found");
        answer(&[message, field(4, b"NotFound"), field(5, &details)].concat())
    }

    #[test]
    fn a_refusal_says_what_it_says_as_json() {
        let json = r#"{"kind": "Status", "message": "pods \"a\" not found", "reason": "NotFound",
            "details": {"name": "a", "kind": "pods"}}"#;
        let status: Status = serde_json::from_str(json).unwrap();
        assert_eq!(parse_status(&refused()), Some(status));
    }

    #[test]
    fn what_is_in_another_form_or_cut_is_no_refusal() {
        assert_eq!(parse_status(br#"{"kind": "Status"}"#), None);
        assert_eq!(parse_status(b""), None);
        let whole = refused();
        for length in MAGIC.len()..whole.len() {
            assert_eq!(parse_status(&whole[..length]), None, "{length}");
        }
    }

    #[test]
    fn numbers_have_their_bits_from_the_lowest_and_end() {
        let numbers = |bytes: &'static [u8]| Fields(bytes).collect::<Vec<_>>();
        let one = |number| Ok((1, Value::Number(number)));
        assert_eq!(numbers(&[8, 0x96, 1, 8, 5]), [one(150), one(5)]);
        let minus_one = [8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1];
        let (_, value) = Fields(&minus_one).next().unwrap().unwrap();
        assert_eq!(value.signed(), Ok(-1));
        assert_eq!(numbers(&[8, 0x80]), [Err(Malformed)]);
        assert_eq!(
            numbers(&[8, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 1]),
            [Err(Malformed)]
        );
    }

    #[test]
    fn fields_of_fixed_length_are_passed_over_and_unknown_kinds_are_malformed() {
        let fields = |bytes: &'static [u8]| Fields(bytes).collect::<Vec<_>>();
        let fixed = Ok((1, Value::Fixed));
        assert_eq!(
            fields(&[9, 1, 2, 3, 4, 5, 6, 7, 8, 13, 1, 2, 3, 4]),
            [fixed, fixed]
        );
        assert_eq!(fields(&[13, 1, 2]), [Err(Malformed)]);
        assert_eq!(fields(&[11, 1, 2]), [Err(Malformed)]);
    }
}
