//! A credential of a service account: what a token says of itself, and the marker Secret that stands for it. The token
//! is bound to the Secret, so deleting the Secret revokes that one token.

use std::hash::{BuildHasher as _, RandomState};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::label;
use crate::cluster::{Manifest, ObjectKind, ObjectPlace};

const NAME_PREFIX: &str = "kubectl-trainer-credential-";
const LETTERS: u64 = 26;
/// The type of the Secrets that the cluster itself fills with a token, and how they name their account.
pub const TOKEN_SECRET_TYPE: &str = "kubernetes.io/service-account-token";
const TOKEN_SECRET_ACCOUNT: &str = "kubernetes.io/service-account.name";

/// What a token says of itself. Only the API server can tell whether it is true.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// `jti`: the name under which the audit log knows the token. The long-lived ones have none.
    pub id: Option<String>,
    pub namespace: String,
    pub account: String,
    pub issued: Option<Timestamp>,
    /// None: it never expires.
    pub expires: Option<Timestamp>,
    /// The Secret that it is bound to.
    pub secret: Option<String>,
    /// Which cluster's, as far as clusters have names of their own.
    pub issuer: Option<String>,
}

/// Reads the middle part of a service account's token; `None` for anything else. Names are those that Kubernetes takes,
/// so that they may stand in commands.
pub fn parse_claims(token: &str) -> Option<Claims> {
    let mut parts = token.trim().split('.');
    let (_, claims, _) = (parts.next()?, parts.next()?, parts.next()?);
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    let text = |path: &str| claims.pointer(path).and_then(Value::as_str);
    let moment = |path: &str| Timestamp::from_second(claims.pointer(path)?.as_i64()?).ok();
    let subject = text("/sub")?.strip_prefix("system:serviceaccount:")?;
    let (namespace, account) = subject.split_once(':')?;
    (is_name(namespace) && is_name(account)).then_some(())?;
    // Tokens that the cluster put into a Secret have flat claims; `~1` is a slash.
    let secret = text("/kubernetes.io/secret/name")
        .or_else(|| text("/kubernetes.io~1secret/name"))
        .or_else(|| text("/kubernetes.io~1serviceaccount~1secret.name"));
    Some(Claims {
        id: text("/jti").filter(|id| is_id(id)).map(str::to_owned),
        namespace: namespace.to_owned(),
        account: account.to_owned(),
        issued: moment("/iat"),
        expires: moment("/exp"),
        secret: secret.filter(|name| is_name(name)).map(str::to_owned),
        issuer: text("/iss").map(str::to_owned),
    })
}

/// Whether an object can have this name: one that can be part of a DNS name.
fn is_name(text: &str) -> bool {
    let letter = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit();
    (1..=253).contains(&text.len())
        && text.chars().all(|it| letter(it) || "-.".contains(it))
        && text.starts_with(letter)
        && text.ends_with(letter)
}

/// Clusters take UUIDs; others may be longer, of letters that a shell leaves alone.
fn is_id(text: &str) -> bool {
    let sound = |letter: char| letter.is_ascii_alphanumeric() || "-._".contains(letter);
    text.starts_with(|letter: char| letter.is_ascii_alphanumeric()) && text.chars().all(sound)
}

/// How a credential lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialKind {
    /// One token, issued for a time.
    Token,
    /// An entry of a kubeconfig that fetches a new token whenever it needs one.
    Renewing,
    /// A token that the cluster put into the Secret, and that never expires.
    Secret,
}

impl CredentialKind {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Renewing => "renewing",
            Self::Secret => "secret",
        }
    }

    fn of_word(word: &str) -> Option<Self> {
        let kinds = [Self::Token, Self::Renewing, Self::Secret];
        kinds.into_iter().find(|kind| kind.word() == word)
    }
}

/// The service account that a credential is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    pub namespace: String,
    pub account: String,
    pub uid: String,
    /// What the account's own label says.
    pub persona: Option<String>,
}

impl Holder {
    /// From a `ServiceAccount` as the server gave it.
    pub fn of_account(account: &Value) -> Self {
        let text = |path: &str| account.pointer(path).and_then(Value::as_str);
        let owned = |path: &str| text(path).unwrap_or_default().to_owned();
        let labels = account.pointer("/metadata/labels");
        let persona = labels.and_then(|labels| labels.get(label::PERSONA)?.as_str());
        Self {
            namespace: owned("/metadata/namespace"),
            account: owned("/metadata/name"),
            uid: owned("/metadata/uid"),
            persona: persona.map(str::to_owned),
        }
    }

    /// The Secret that stands for a credential. It goes with its account.
    pub fn marker(&self, name: &str, kind: CredentialKind, issued: Option<&Issued>) -> Manifest {
        let mut labels = label::labels(self.persona.as_deref(), Some(&self.account));
        labels[label::CREDENTIAL] = kind.word().into();
        let mut annotations = issued.map_or_else(|| json!({}), Issued::annotations);
        let secret_type = match kind {
            CredentialKind::Token | CredentialKind::Renewing => "Opaque",
            CredentialKind::Secret => {
                annotations[TOKEN_SECRET_ACCOUNT] = self.account.as_str().into();
                TOKEN_SECRET_TYPE
            }
        };
        let fields = json!({
            "metadata": {
                "labels": labels,
                "annotations": annotations,
                "ownerReferences": [{
                    "apiVersion": "v1",
                    "kind": "ServiceAccount",
                    "name": self.account,
                    "uid": self.uid,
                }],
            },
            "type": secret_type,
        });
        Manifest::new(self.marker_place(name), fields)
    }

    pub fn marker_place(&self, name: &str) -> ObjectPlace {
        ObjectPlace::in_namespace(ObjectKind::Secret, &self.namespace, name)
    }
}

/// What is known of a token once it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    pub id: String,
    pub issued: Timestamp,
    /// None: it never expires.
    pub expires: Option<Timestamp>,
}

impl Issued {
    /// Of a token as it came; `marker` is its name where the token has none of its own.
    pub fn of(claims: &Claims, marker: &str, now: Timestamp) -> Self {
        Self {
            id: claims.id.clone().unwrap_or_else(|| marker.to_owned()),
            issued: claims.issued.unwrap_or_else(|| whole_seconds(now)),
            expires: claims.expires,
        }
    }

    /// How long it was granted for.
    pub fn granted_seconds(&self) -> Option<i64> {
        let expires = self.expires?;
        Some(expires.duration_since(self.issued).as_secs())
    }

    fn annotations(&self) -> Value {
        let mut annotations = json!({
            label::CREDENTIAL_ID: self.id,
            label::ISSUED_AT: self.issued.to_string(),
        });
        if let (Some(expires), Some(seconds)) = (self.expires, self.granted_seconds()) {
            annotations[label::EXPIRES_AT] = expires.to_string().into();
            annotations[label::GRANTED_SECONDS] = seconds.to_string().into();
        }
        annotations
    }
}

/// As Kubernetes writes moments.
pub fn whole_seconds(moment: Timestamp) -> Timestamp {
    Timestamp::from_second(moment.as_second()).unwrap_or(moment)
}

/// A credential as its marker Secret tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// Its name in the audit log; that of the Secret where it has no other.
    pub id: String,
    pub kind: CredentialKind,
    pub namespace: String,
    pub account: String,
    /// The Secret's name and UID.
    pub marker: String,
    pub marker_uid: String,
    pub issued: Option<Timestamp>,
    pub expires: Option<Timestamp>,
}

impl Credential {
    /// From the metadata of a Secret; `None` for one that is no marker of this program.
    pub fn of_marker(marker: &Value) -> Option<Self> {
        let metadata = marker.get("metadata")?;
        let text = |field: &str| metadata.get(field).and_then(Value::as_str);
        let entry = |group: &str, key: &str| metadata.get(group)?.get(key)?.as_str();
        let moment = |text: Option<&str>| text.and_then(|text| text.parse().ok());
        let name = text("name")?;
        Some(Self {
            id: entry("annotations", label::CREDENTIAL_ID)
                .unwrap_or(name)
                .to_owned(),
            kind: CredentialKind::of_word(entry("labels", label::CREDENTIAL)?)?,
            namespace: text("namespace")?.to_owned(),
            account: entry("labels", label::ACCOUNT)?.to_owned(),
            marker: name.to_owned(),
            marker_uid: text("uid").unwrap_or_default().to_owned(),
            issued: moment(
                entry("annotations", label::ISSUED_AT).or_else(|| text("creationTimestamp")),
            ),
            expires: moment(entry("annotations", label::EXPIRES_AT)),
        })
    }

    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    /// Whether a user who types `text` means this one: the beginning of its id, or its Secret.
    pub fn is_meant_by(&self, text: &str) -> bool {
        let secret = self.marker.strip_prefix(NAME_PREFIX);
        self.marker == text
            || secret == Some(text)
            || (self.id != self.marker && self.id.starts_with(text))
    }
}

/// A name that no other marker has.
pub fn new_marker_name() -> String {
    // Each `RandomState` has keys of its own, from the system's source of randomness.
    let mut rest = RandomState::new().hash_one(NAME_PREFIX);
    let letters = (0..8).map(|_| {
        let letter = u8::try_from(rest % LETTERS).unwrap_or_default();
        rest /= LETTERS;
        char::from(b'a' + letter)
    });
    letters.fold(NAME_PREFIX.to_owned(), |mut name, letter| {
        name.push(letter);
        name
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &Value) -> String {
        let claims = BASE64_URL_SAFE_NO_PAD.encode(claims.to_string());
        format!("e30.{claims}.c2ln")
    }

    fn bound() -> Value {
        json!({
            "aud": ["https://kubernetes.default.svc"],
            "exp": 1_800_003_600,
            "iat": 1_800_000_000,
            "jti": "5b7c2a0e-1f0d-4a5e-9d3c-2b8f6c1a7e90",
            "kubernetes.io": {
                "namespace": "team-a",
                "secret": {"name": "kubectl-trainer-credential-abcdefgh", "uid": "u"},
                "serviceaccount": {"name": "trainer-submitter", "uid": "v"},
            },
            "sub": "system:serviceaccount:team-a:trainer-submitter",
        })
    }

    fn holder() -> Holder {
        Holder {
            namespace: "team-a".to_owned(),
            account: "trainer-submitter".to_owned(),
            uid: "v".to_owned(),
            persona: Some("submitter".to_owned()),
        }
    }

    #[test]
    fn a_token_tells_its_account_its_times_its_id_and_its_secret() {
        let claims = parse_claims(&token(&bound())).unwrap();
        assert_eq!(
            (claims.namespace.as_str(), claims.account.as_str()),
            ("team-a", "trainer-submitter")
        );
        assert_eq!(
            claims.id.as_deref(),
            Some("5b7c2a0e-1f0d-4a5e-9d3c-2b8f6c1a7e90")
        );
        assert_eq!(
            claims.secret.as_deref(),
            Some("kubectl-trainer-credential-abcdefgh")
        );
        let issued = Issued::of(&claims, "m", Timestamp::UNIX_EPOCH);
        assert_eq!(issued.granted_seconds(), Some(3600));
    }

    #[test]
    fn the_token_of_a_secret_has_no_end_and_no_id() {
        let claims = json!({
            "iss": "kubernetes/serviceaccount",
            "kubernetes.io/serviceaccount/namespace": "team-a",
            "kubernetes.io/serviceaccount/secret.name": "long",
            "sub": "system:serviceaccount:team-a:ci",
        });
        let claims = parse_claims(&token(&claims)).unwrap();
        assert_eq!(
            (
                claims.id.as_deref(),
                claims.expires,
                claims.secret.as_deref()
            ),
            (None, None, Some("long"))
        );
        let issued = Issued::of(&claims, "long", Timestamp::UNIX_EPOCH);
        assert_eq!(
            (issued.id.as_str(), issued.granted_seconds()),
            ("long", None)
        );
    }

    #[test]
    fn what_is_no_token_of_a_service_account_tells_nothing() {
        let person = token(&json!({ "sub": "ann" }));
        for text in ["", "sesame", "a.b.c", "a.b", person.as_str()] {
            assert_eq!(parse_claims(text), None, "{text}");
        }
    }

    #[test]
    fn what_no_object_is_called_is_no_claim() {
        for subject in [
            "a;id:ci", "a:$(id)", "a:ci\n", "A:ci", ":ci", "a:", "a:-n", "a:b:c",
        ] {
            let subject = format!("system:serviceaccount:{subject}");
            let claims = token(&json!({ "sub": subject }));
            assert_eq!(parse_claims(&claims), None, "{subject}");
        }
        let claims = token(&json!({
            "sub": "system:serviceaccount:a:ci", "jti": "--yes; id",
            "kubernetes.io": { "secret": { "name": "x y" } },
        }));
        let claims = parse_claims(&claims).unwrap();
        assert_eq!((claims.id, claims.secret), (None, None));
    }

    #[test]
    fn a_marker_has_no_data_goes_with_its_account_and_is_read_back() {
        let issued = Issued::of(
            &parse_claims(&token(&bound())).unwrap(),
            "m",
            Timestamp::UNIX_EPOCH,
        );
        let mut marker = holder()
            .marker("m", CredentialKind::Token, Some(&issued))
            .body;
        assert_eq!(marker.get("data"), None);
        assert_eq!(marker["type"], "Opaque");
        assert_eq!(marker["metadata"]["ownerReferences"][0]["uid"], "v");
        marker["metadata"]["uid"] = "w".into();
        let expected = Credential {
            id: issued.id.clone(),
            kind: CredentialKind::Token,
            namespace: "team-a".to_owned(),
            account: "trainer-submitter".to_owned(),
            marker: "m".to_owned(),
            marker_uid: "w".to_owned(),
            issued: Some(issued.issued),
            expires: issued.expires,
        };
        assert_eq!(Credential::of_marker(&marker), Some(expected));
    }

    #[test]
    fn a_secret_of_somebody_else_is_no_credential() {
        let mut marker = holder().marker("m", CredentialKind::Token, None).body;
        let labels = marker["metadata"]["labels"].as_object_mut().unwrap();
        labels.remove(label::CREDENTIAL);
        assert_eq!(Credential::of_marker(&marker), None);
    }

    #[test]
    fn a_long_lived_token_is_asked_for_by_type_and_annotation() {
        let marker = holder().marker("m", CredentialKind::Secret, None).body;
        assert_eq!(marker["type"], TOKEN_SECRET_TYPE);
        assert_eq!(
            marker["metadata"]["annotations"][TOKEN_SECRET_ACCOUNT],
            "trainer-submitter"
        );
    }

    #[test]
    fn a_credential_is_named_by_the_beginning_of_its_id_or_by_its_secret() {
        let issued = Issued::of(
            &parse_claims(&token(&bound())).unwrap(),
            "m",
            Timestamp::UNIX_EPOCH,
        );
        let name = "kubectl-trainer-credential-abcdefgh";
        let marker = holder()
            .marker(name, CredentialKind::Token, Some(&issued))
            .body;
        let credential = Credential::of_marker(&marker).unwrap();
        for text in ["5b7c", &issued.id, name, "abcdefgh"] {
            assert!(credential.is_meant_by(text), "{text}");
        }
        assert!(!credential.is_meant_by("abcd"));
    }

    #[test]
    fn names_of_markers_differ_and_are_names() {
        let names: Vec<_> = (0..50).map(|_| new_marker_name()).collect();
        let unique: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(unique.len(), names.len());
        for name in names {
            let letters = name.strip_prefix(NAME_PREFIX).unwrap();
            assert!(letters.len() == 8 && letters.bytes().all(|byte| byte.is_ascii_lowercase()));
        }
    }
}
