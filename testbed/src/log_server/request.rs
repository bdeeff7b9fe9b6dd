//! What the API server asks a kubelet for: `/containerLogs/NAMESPACE/POD/CONTAINER?follow=true&…`, read from its URL.

use http::Uri;
use jiff::{SignedDuration, Timestamp};

use super::segment::Form;

/// Length of a stamp as kubelets write it: `2026-01-31T12:00:00.000000000Z`.
pub(super) const STAMP_LENGTH: usize = 30;
const STAMP: &str = "%Y-%m-%dT%H:%M:%S%.9fZ";

/// Which lines of a log are wanted, in which form, and whether those that come later are too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct LogRequest {
    pub(super) follow: Follow,
    pub(super) form: Form,
    pub(super) tail_lines: Option<usize>,
    /// The first stamp that is wanted, written as stamps are, so that the two compare as texts.
    pub(super) since: Option<String>,
}

/// Whether lines that come later are wanted too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Follow {
    Yes,
    #[default]
    No,
}

/// Why there is no answer; the texts of the first two are the kubelet's.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("404 page not found")]
    NoSuchPage,
    #[error("previous terminated container {container:?} in pod {pod:?} not found")]
    NoPrevious { container: String, pod: String },
    #[error("the test bed's log server cannot read {name}={value}")]
    Unreadable { name: String, value: String },
}

impl LogRequest {
    /// Understands what API servers send; what a kubelet would obey and this server does not is refused.
    pub(super) fn parse(uri: &Uri) -> Result<LogRequest, Refusal> {
        let path: Vec<&str> = uri.path().trim_start_matches('/').split('/').collect();
        let ["containerLogs", _namespace, pod, container] = path.as_slice() else {
            return Err(Refusal::NoSuchPage);
        };
        let mut request = LogRequest::default();
        for (name, value) in pairs(uri.query().unwrap_or_default()) {
            let unreadable = || Refusal::Unreadable {
                name: name.to_owned(),
                value: value.clone(),
            };
            match name {
                "follow" => request.follow = follow(&value),
                "timestamps" => request.form = form(&value),
                "tailLines" => {
                    request.tail_lines = Some(value.parse().map_err(|_| unreadable())?);
                }
                "sinceTime" => request.since = Some(since_time(&value).ok_or_else(unreadable)?),
                "sinceSeconds" => {
                    request.since = Some(since_seconds(&value).ok_or_else(unreadable)?);
                }
                "previous" if value == "true" => {
                    let (container, pod) = ((*container).to_owned(), (*pod).to_owned());
                    return Err(Refusal::NoPrevious { container, pod });
                }
                "previous" | "insecureSkipTLSVerifyBackend" => {}
                _ => return Err(unreadable()),
            }
        }
        Ok(request)
    }
}

/// `a=1&b=2`, with the colons and plus signs that API servers escape in times put back.
fn pairs(query: &str) -> impl Iterator<Item = (&str, String)> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name, value.replace("%3A", ":").replace("%2B", "+")))
}

fn follow(value: &str) -> Follow {
    match value {
        "true" => Follow::Yes,
        _ => Follow::No,
    }
}

fn form(value: &str) -> Form {
    match value {
        "true" => Form::Stamped,
        _ => Form::Plain,
    }
}

fn since_time(text: &str) -> Option<String> {
    let time: Timestamp = text.parse().ok()?;
    Some(time.strftime(STAMP).to_string())
}

fn since_seconds(text: &str) -> Option<String> {
    let ago = SignedDuration::from_secs(text.parse().ok()?);
    let time = Timestamp::now().checked_sub(ago).ok()?;
    Some(time.strftime(STAMP).to_string())
}

#[cfg(test)]
mod tests {
    use super::{Follow, Form, LogRequest, Refusal, STAMP_LENGTH};

    fn parse(text: &str) -> Result<LogRequest, Refusal> {
        LogRequest::parse(&text.parse().unwrap())
    }

    #[test]
    fn what_the_api_server_sends_is_understood() {
        let query = "follow=true&sinceTime=2026-01-31T12%3A00%3A00Z&tailLines=7&timestamps=true";
        let expected = LogRequest {
            follow: Follow::Yes,
            form: Form::Stamped,
            tail_lines: Some(7),
            since: Some("2026-01-31T12:00:00.000000000Z".to_owned()),
        };
        assert_eq!(
            parse(&format!("/containerLogs/a/b/c?{query}")),
            Ok(expected)
        );
        assert_eq!(parse("/containerLogs/a/b/c"), Ok(LogRequest::default()));
    }

    #[test]
    fn seconds_ago_become_a_stamp() {
        let request = parse("/containerLogs/a/b/c?sinceSeconds=60").unwrap();
        assert_eq!(request.since.unwrap().len(), STAMP_LENGTH);
    }

    #[test]
    fn what_is_not_served_is_refused_and_never_passed_over() {
        let refused = |text| parse(text).unwrap_err().to_string();
        assert_eq!(
            refused("/containerLogs/a/b/c?previous=true"),
            r#"previous terminated container "c" in pod "b" not found"#
        );
        assert_eq!(
            refused("/containerLogs/a/b/c?limitBytes=5"),
            "the test bed's log server cannot read limitBytes=5"
        );
        assert_eq!(
            refused("/containerLogs/a/b/c?tailLines=x"),
            "the test bed's log server cannot read tailLines=x"
        );
        assert_eq!(refused("/exec/a/b/c"), "404 page not found");
    }
}
