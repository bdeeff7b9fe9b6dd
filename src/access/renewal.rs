//! A file with a credential gets another one: the token, its id and its end are replaced, and nothing else.

use jiff::Timestamp;

use super::credential::{Claims, Issued, parse_claims};

/// The only token of a file, and what it says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub token: String,
    pub claims: Claims,
}

/// Why a file's credential cannot be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoToken {
    #[error("it holds no token of a service account")]
    None,
    #[error("it holds several tokens, and which one is meant is not told")]
    Several,
}

/// Finds the token in a kubeconfig or env file: the words that can be read as one.
pub fn find_token(text: &str) -> Result<Held, NoToken> {
    let letters = |letter: char| !(letter.is_ascii_alphanumeric() || "-_.".contains(letter));
    let words = text.split(letters).filter(|word| word.len() > 40);
    let mut found: Vec<_> = words
        .filter_map(|word| Some((word, parse_claims(word)?)))
        .collect();
    found.dedup_by(|one, other| one.0 == other.0);
    match found.as_slice() {
        [] => Err(NoToken::None),
        [(token, claims)] => Ok(Held {
            token: (*token).to_owned(),
            claims: claims.clone(),
        }),
        _ => Err(NoToken::Several),
    }
}

/// The file with another token, whose id and end stand where those of the old one stood.
pub fn with_token(text: &str, old: &Held, token: &str, issued: &Issued) -> String {
    let end = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
    let old_id = old.claims.id.clone().or_else(|| old.claims.secret.clone());
    let pairs = [
        (old.token.clone(), token.to_owned()),
        (old_id.unwrap_or_default(), issued.id.clone()),
        (end(old.claims.expires), end(issued.expires)),
    ];
    let mut text = text.to_owned();
    for (old, new) in pairs {
        if !old.is_empty() {
            text = text.replace(&old, &new);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
    use serde_json::json;

    use super::*;

    fn token(id: &str) -> String {
        let claims = json!({ "sub": "system:serviceaccount:a:b", "jti": id, "exp": 3600 });
        let claims = BASE64_URL_SAFE_NO_PAD.encode(claims.to_string());
        format!("e30.{claims}.c2lnbmF0dXJl")
    }

    #[test]
    fn a_file_keeps_all_but_the_token_its_id_and_its_end() {
        let text = format!(
            "# mine, old-id\nK8S_SERVICE_ACCOUNT_TOKEN='{}'\nEND=1970-01-01T01:00:00Z\nX=1\n",
            token("old-id")
        );
        let held = find_token(&text).unwrap();
        let issued = Issued {
            id: "new-id".to_owned(),
            issued: Timestamp::UNIX_EPOCH,
            expires: Some(Timestamp::from_second(7200).unwrap()),
        };
        assert_eq!(
            with_token(&text, &held, &token("new-id"), &issued),
            format!(
                "# mine, new-id\nK8S_SERVICE_ACCOUNT_TOKEN='{}'\nEND=1970-01-01T02:00:00Z\nX=1\n",
                token("new-id")
            )
        );
    }

    #[test]
    fn a_file_with_no_token_or_with_two_is_not_touched() {
        assert_eq!(find_token("token: sesame"), Err(NoToken::None));
        let two = format!("{}\n{}\n", token("a"), token("b"));
        assert_eq!(find_token(&two), Err(NoToken::Several));
    }
}
