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
/// The message in its envelope.
const RAW: u64 = 2;
/// A number has at most so many bytes, of seven bits each.
const LONGEST_NUMBER: usize = 10;
/// The types of the conditions that every pod has, and the states of any.
const USUAL_WORDS: [&str; 8] = [
    "True",
    "False",
    "Ready",
    "PodScheduled",
    "Initialized",
    "ContainersReady",
    "PodReadyToStartContainers",
    "Unknown",
];

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
pub(super) trait Fill<'a> {
    fn fill(&mut self, field: u64, value: Value<'a>) -> Result<(), Malformed>;
}

/// Reads a whole message into what it fills. The one loop over fields: what takes them apart is compiled once, and within
/// it, because a thousand pods have two hundred thousand.
pub(super) fn read_message<'a>(
    mut bytes: &'a [u8],
    into: &mut dyn Fill<'a>,
) -> Result<(), Malformed> {
    while !bytes.is_empty() {
        let (number, value) = take_field(&mut bytes).ok_or(Malformed)?;
        into.fill(number, value)?;
    }
    Ok(())
}

/// The message of an answer; none where the answer is in another form.
pub(super) fn unwrap_message(body: &[u8]) -> Option<Result<&[u8], Malformed>> {
    let mut envelope = Envelope(None);
    let read = read_message(body.strip_prefix(MAGIC)?, &mut envelope);
    Some(read.and(envelope.0.ok_or(Malformed)))
}

/// `runtime.Unknown`.
struct Envelope<'a>(Option<&'a [u8]>);

impl<'a> Fill<'a> for Envelope<'a> {
    fn fill(&mut self, field: u64, value: Value<'a>) -> Result<(), Malformed> {
        if field == RAW {
            self.0 = Some(value.bytes()?);
        }
        Ok(())
    }
}

/// Why the server said no; none where it says so in another form.
pub(super) fn parse_status(body: &[u8]) -> Option<Status> {
    let mut refusal = Refusal::default();
    read_message(unwrap_message(body)?.ok()?, &mut refusal).ok()?;
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
    pub(super) fn text(self) -> Result<String, Malformed> {
        let bytes = self.bytes()?;
        // Whether it is whole is seen many bytes at a time.
        Ok(match str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => String::from_utf8_lossy(bytes).into_owned(),
        })
    }

    /// The same; no memory is taken for what stands in the conditions of every pod.
    pub(super) fn word(self) -> Result<Cow<'static, str>, Malformed> {
        let bytes = self.bytes()?;
        match USUAL_WORDS.iter().find(|word| word.as_bytes() == bytes) {
            Some(word) => Ok(Cow::Borrowed(word)),
            None => self.text().map(Cow::Owned),
        }
    }

    /// Reads a message where it is to stand.
    pub(super) fn read_into(self, message: &mut dyn Fill<'a>) -> Result<(), Malformed> {
        read_message(self.bytes()?, message)
    }

    /// Reads one of several messages.
    pub(super) fn read_one_of<T: Fill<'a> + Default>(
        self,
        messages: &mut Vec<T>,
    ) -> Result<(), Malformed> {
        self.read_into(messages.push_mut(T::default()))
    }

    /// A number with a sign, in two's complement.
    pub(super) fn signed(self) -> Result<i64, Malformed> {
        match self {
            Self::Number(number) => Ok(number.cast_signed()),
            Self::Bytes(_) | Self::Fixed => Err(Malformed),
        }
    }
}

/// The field that a message begins with; none where it is malformed.
#[inline]
fn take_field<'a>(bytes: &mut &'a [u8]) -> Option<(u64, Value<'a>)> {
    let key = take_number(bytes)?;
    let value = match key & 7 {
        0 => Value::Number(take_number(bytes)?),
        1 => bytes.split_off(..8).map(|_| Value::Fixed)?,
        2 => {
            let length = take_number(bytes)?.try_into().ok()?;
            Value::Bytes(bytes.split_off(..length)?)
        }
        5 => bytes.split_off(..4).map(|_| Value::Fixed)?,
        _ => return None,
    };
    Some((key >> 3, value))
}

/// Seven bits a byte, the lowest first; the last byte lacks the highest bit.
#[inline]
fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    // Keys and lengths are hardly ever longer.
    if let [byte @ ..0x80, rest @ ..] = bytes {
        *bytes = rest;
        return Some(u64::from(*byte));
    }
    take_long_number(bytes)
}

fn take_long_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for (place, byte) in bytes.iter().take(LONGEST_NUMBER).enumerate() {
        number |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            *bytes = &bytes[place + 1..];
            return Some(number);
        }
    }
    None
}

/// `Status`.
#[derive(Default)]
struct Refusal(Status);

impl Fill<'_> for Refusal {
    fn fill(&mut self, field: u64, value: Value<'_>) -> Result<(), Malformed> {
        match field {
            3 => self.0.message = value.text()?,
            4 => self.0.reason = value.text()?,
            5 => {
                let mut details = RefusalDetails::default();
                value.read_into(&mut details)?;
                self.0.details = Some(details.0);
            }
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

impl Fill<'_> for RefusalDetails {
    fn fill(&mut self, field: u64, value: Value<'_>) -> Result<(), Malformed> {
        match field {
            1 => self.0.name = value.text()?,
            2 => self.0.group = value.text()?,
            3 => self.0.kind = value.text()?,
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
    fn a_word_is_read_as_any_text_and_the_usual_ones_take_no_memory() {
        let word = |text: &'static [u8]| Value::Bytes(text).word().unwrap();
        assert!(matches!(word(b"Ready"), Cow::Borrowed("Ready")));
        for rare in ["", "ready", "DisruptionTarget"] {
            assert!(matches!(word(rare.as_bytes()), Cow::Owned(text) if text == rare));
        }
        assert_eq!(word(b"Ready\xff"), "Ready\u{fffd}");
        assert_eq!(Value::Number(1).word(), Err(Malformed));
    }

    #[test]
    fn what_is_in_another_form_or_cut_is_no_refusal() {
        assert_eq!(parse_status(br#"{"kind": "Status"}"#), None);
        assert_eq!(parse_status(b""), None);
        assert_eq!(parse_status(&[refused(), vec![0x80]].concat()), None);
        let whole = refused();
        for length in MAGIC.len()..whole.len() {
            assert_eq!(parse_status(&whole[..length]), None, "{length}");
        }
    }

    /// All fields of a message as they are; what came before a malformed one does not count.
    #[derive(Default)]
    struct All<'a>(Vec<(u64, Value<'a>)>);

    impl<'a> Fill<'a> for All<'a> {
        fn fill(&mut self, field: u64, value: Value<'a>) -> Result<(), Malformed> {
            self.0.push((field, value));
            Ok(())
        }
    }

    fn fields(bytes: &[u8]) -> Result<Vec<(u64, Value<'_>)>, Malformed> {
        let mut all = All::default();
        read_message(bytes, &mut all).map(|()| all.0)
    }

    #[test]
    fn numbers_have_their_bits_from_the_lowest_and_end() {
        let one = |number| (1, Value::Number(number));
        assert_eq!(fields(&[8, 0x96, 1, 8, 5]), Ok(vec![one(150), one(5)]));
        let minus_one = [8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1];
        let (_, value) = fields(&minus_one).unwrap()[0];
        assert_eq!(value.signed(), Ok(-1));
        assert_eq!(fields(&[8, 0x80]), Err(Malformed));
        let too_long = [8, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 1];
        assert_eq!(fields(&too_long), Err(Malformed));
    }

    #[test]
    fn fields_of_fixed_length_are_passed_over_and_unknown_kinds_are_malformed() {
        let fixed = (1, Value::Fixed);
        assert_eq!(
            fields(&[9, 1, 2, 3, 4, 5, 6, 7, 8, 13, 1, 2, 3, 4]),
            Ok(vec![fixed, fixed])
        );
        assert_eq!(fields(&[13, 1, 2]), Err(Malformed));
        assert_eq!(fields(&[11, 1, 2]), Err(Malformed));
    }
}
