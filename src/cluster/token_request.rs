//! Tokens for service accounts: asked of the API server (`TokenRequest`), or put by the cluster into a Secret.

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{Request, header::CONTENT_TYPE};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{
    access_review::AccountName,
    change::ObjectPlace,
    connect::Cluster,
    failure::{Failure, FailureKind},
};

/// How long the cluster may take to fill a Secret, and the pause between two looks.
const FILLING_LIMIT: Duration = Duration::from_secs(15);
const FILLING_PAUSE: Duration = Duration::from_millis(250);

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct TokenWish<'a> {
    pub account: &'a AccountName,
    pub lifetime: Duration,
    /// Whom the token is for; empty means the API server.
    pub audiences: &'a [String],
    /// The Secret with which the token ends: its name, and its UID where it is known.
    pub secret: Option<(&'a str, Option<&'a str>)>,
}

/// A token as the server issued it.
#[derive(Clone, Debug)]
pub struct IssuedToken {
    pub token: SecretString,
    /// What the server said beside it, such as that it shortened the lifetime.
    pub warnings: Vec<String>,
}

impl Cluster {
    /// Has the server issue a token. Its lifetime may differ from what was asked; the token itself tells.
    pub async fn request_token(&self, wish: TokenWish<'_>) -> Result<IssuedToken, Failure> {
        let AccountName { namespace, name } = wish.account;
        let words = format!("create a token for service account {namespace}/{name}");
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token");
        let request = Request::post(path)
            .header(CONTENT_TYPE, "application/json")
            .body(wish.body().to_string().into_bytes());
        let (answer, warnings) = self.fetch_with_warnings(&words, request).await?;
        let token = answer.pointer("/status/token").and_then(Value::as_str);
        let token = token.ok_or_else(|| self.no_token(&words))?;
        Ok(IssuedToken {
            token: token.into(),
            warnings,
        })
    }

    /// Waits until the cluster has put a token into the Secret.
    pub async fn wait_for_token(&self, secret: &ObjectPlace) -> Result<IssuedToken, Failure> {
        let words = format!("read the token of {}", secret.words());
        let end = Instant::now() + FILLING_LIMIT;
        loop {
            let found = self.fetch_place(secret).await?;
            if let Some(token) = found.as_ref().and_then(token_of_secret) {
                return Ok(IssuedToken {
                    token,
                    warnings: Vec::new(),
                });
            }
            if Instant::now() >= end {
                let limit = FILLING_LIMIT;
                return Err(self.failure(&words, FailureKind::TimedOut { limit }));
            }
            sleep(FILLING_PAUSE).await;
        }
    }

    fn no_token(&self, words: &str) -> Failure {
        let message = "the answer has no token".to_owned();
        self.failure(
            words,
            FailureKind::Unexpected {
                code: None,
                message,
            },
        )
    }
}

impl TokenWish<'_> {
    fn body(&self) -> Value {
        let mut spec = json!({ "expirationSeconds": self.lifetime.as_secs() });
        if !self.audiences.is_empty() {
            spec["audiences"] = json!(self.audiences);
        }
        if let Some((name, uid)) = self.secret {
            spec["boundObjectRef"] = json!({ "apiVersion": "v1", "kind": "Secret", "name": name });
            if let Some(uid) = uid {
                spec["boundObjectRef"]["uid"] = uid.into();
            }
        }
        json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec })
    }
}

fn token_of_secret(secret: &Value) -> Option<SecretString> {
    let data = secret.pointer("/data/token")?.as_str()?;
    let token = BASE64_STANDARD.decode(data).ok()?;
    let token = String::from_utf8(token).ok()?;
    (!token.is_empty()).then(|| token.into())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn a_wish_names_the_secret_with_which_the_token_ends() {
        let account = AccountName {
            namespace: "team-a".to_owned(),
            name: "ci".to_owned(),
        };
        let wish = TokenWish {
            account: &account,
            lifetime: Duration::from_mins(10),
            audiences: &[],
            secret: Some(("m", Some("u"))),
        };
        let expected = json!({
            "expirationSeconds": 600,
            "boundObjectRef": { "apiVersion": "v1", "kind": "Secret", "name": "m", "uid": "u" },
        });
        assert_eq!(wish.body()["spec"], expected);
    }

    #[test]
    fn a_secret_that_is_not_filled_yet_has_no_token() {
        for data in [json!(null), json!({}), json!({ "token": "" })] {
            assert!(token_of_secret(&json!({ "data": data })).is_none());
        }
        let filled = json!({ "data": { "token": "c2VzYW1l" } });
        let token = token_of_secret(&filled).unwrap();
        assert_eq!(token.expose_secret(), "sesame");
    }
}
