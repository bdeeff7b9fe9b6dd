//! Reads what the API server says when it says no: a `Status` object, or something that is not from an API server.

use kube::core::Status;

use super::{
    failure::{FailureKind, FieldConflict, MissingObject, MissingRule, Target},
    unreachable::UnreachableCause,
};

/// A webhook that stood in the way, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookFault {
    /// The webhook's own name, e.g. `validator.trainjob.trainer.kubeflow.org`.
    pub name: String,
    pub outcome: WebhookOutcome,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebhookOutcome {
    /// It answered, and said no, for this reason.
    Denied(String),
    /// The API server could not call it, for this reason.
    Unreachable(String),
}

impl WebhookFault {
    pub(super) fn hint(&self, target: &Target) -> Option<String> {
        match self.outcome {
            WebhookOutcome::Denied(_) => None,
            WebhookOutcome::Unreachable(_) => Some(format!(
                "find who serves webhook {}: {} get validatingwebhookconfigurations,mutatingwebhookconfigurations -o yaml",
                self.name,
                target.kubectl()
            )),
        }
    }
}

/// Judges an answer whose HTTP status is not a success. `body` is as it came.
pub(super) fn judge_status(code: u16, body: &str) -> FailureKind {
    match serde_json::from_str(body) {
        Ok(status) => judge_object(code, status),
        Err(_) => judge_foreign_answer(code, body),
    }
}

/// The same, of an answer that was read.
pub(super) fn judge_object(code: u16, status: Status) -> FailureKind {
    match code {
        401 => FailureKind::Unauthorized {
            message: status.message,
        },
        403 => match parse_missing_rule(&status) {
            // The server met no credential that it knows, so this is not about a missing rule.
            Some(rule) if rule.user == "system:anonymous" => FailureKind::Unauthorized {
                message: rule.message,
            },
            Some(rule) => FailureKind::Forbidden(Box::new(rule)),
            None => judge_refusal(status.message),
        },
        404 => FailureKind::NotFound {
            object: missing_object(&status),
            message: status.message,
        },
        409 if !field_conflicts(&status).is_empty() => {
            FailureKind::Conflict(field_conflicts(&status))
        }
        400 | 409 | 422 if status.message.is_empty() => {
            judge_refusal(format!("the server answered HTTP {code} without a reason"))
        }
        400 | 409 | 422 => judge_refusal(status.message),
        _ if status.message.contains(WEBHOOK_FAILED) => judge_refusal(status.message),
        _ => FailureKind::Unexpected {
            code: Some(code),
            message: status.message,
        },
    }
}

/// Judges a successful answer that is not the JSON that was asked for.
pub(super) fn judge_unreadable(body: &str, problem: &serde_json::Error) -> FailureKind {
    if body.trim_start().starts_with('{') {
        return FailureKind::Unexpected {
            code: None,
            message: format!("the answer cannot be decoded: {problem}"),
        };
    }
    FailureKind::Unreachable(UnreachableCause::NotKubernetes {
        answer: first_line(body),
    })
}

fn judge_foreign_answer(code: u16, body: &str) -> FailureKind {
    match code {
        401 => FailureKind::Unauthorized {
            message: first_line(body),
        },
        // What a Go server says to a client that forgot TLS.
        400 if body.contains("HTTP request to an HTTPS server") => {
            FailureKind::Unreachable(UnreachableCause::NeedsHttps)
        }
        // API servers answer so for a path whose group they do not serve.
        404 if body.trim() == "404 page not found" => FailureKind::NotFound {
            object: None,
            message: first_line(body),
        },
        429 | 500.. => FailureKind::Unexpected {
            code: Some(code),
            message: first_line(body),
        },
        _ => FailureKind::Unreachable(UnreachableCause::NotKubernetes {
            answer: format!("HTTP {code}: {}", first_line(body)),
        }),
    }
}

const WEBHOOK_FAILED: &str = "failed calling webhook \"";
const WEBHOOK_DENIED: &str = "admission webhook \"";

fn judge_refusal(message: String) -> FailureKind {
    let webhook = parse_webhook_fault(&message);
    FailureKind::Rejected { message, webhook }
}

/// The wording is that of apiserver's `webhook/errors/statuserror.go` and `webhook/generic`.
fn parse_webhook_fault(message: &str) -> Option<WebhookFault> {
    if let Some((_, rest)) = message.split_once(WEBHOOK_FAILED) {
        let (name, reason) = rest.split_once("\": ")?;
        let reason = reason
            .strip_prefix("failed to call webhook: ")
            .unwrap_or(reason);
        return Some(WebhookFault {
            name: name.to_owned(),
            outcome: WebhookOutcome::Unreachable(reason.to_owned()),
        });
    }
    let (_, rest) = message.split_once(WEBHOOK_DENIED)?;
    let (name, reason) = rest.split_once("\" denied the request")?;
    let reason = reason.trim_start_matches([':', ' ']);
    Some(WebhookFault {
        name: name.to_owned(),
        outcome: WebhookOutcome::Denied(reason.to_owned()),
    })
}

/// What a refused server-side apply says of the fields that others own.
fn field_conflicts(status: &Status) -> Vec<FieldConflict> {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let causes = causes.filter(|cause| cause.reason == "FieldManagerConflict");
    let conflict = |message: &str, field: &str| FieldConflict {
        manager: quoted_manager(message).to_owned(),
        field: field.to_owned(),
    };
    causes
        .map(|cause| conflict(&cause.message, &cause.field))
        .collect()
}

/// The name in `conflict with "kubectl" using v1`.
fn quoted_manager(message: &str) -> &str {
    let quoted = message
        .split_once('"')
        .and_then(|(_, rest)| rest.split_once('"'));
    quoted.map_or(message, |(manager, _)| manager)
}

fn missing_object(status: &Status) -> Option<MissingObject> {
    let details = status
        .details
        .as_ref()
        .filter(|details| !details.name.is_empty())?;
    let resource = match details.group.as_str() {
        "" => details.kind.clone(),
        group => format!("{}.{group}", details.kind),
    };
    Some(MissingObject {
        resource,
        name: details.name.clone(),
    })
}

/// Reads `... User "u" cannot list resource "pods" in API group "" in the namespace "n"`, the authorizer's sentence.
/// Other 403 answers (quota, Pod Security, webhooks) do not have it.
fn parse_missing_rule(status: &Status) -> Option<MissingRule> {
    let message = &status.message;
    let (_, rest) = message.split_once("User \"")?;
    let (user, rest) = rest.split_once("\" cannot ")?;
    let (verb, rest) = rest.split_once(' ')?;
    let quoted = |marker: &str| Some(rest.split_once(marker)?.1.split_once('"')?.0.to_owned());
    let (kind, group, name) = status
        .details
        .as_ref()
        .map_or_else(Default::default, |details| {
            (
                details.kind.clone(),
                details.group.clone(),
                details.name.clone(),
            )
        });
    Some(MissingRule {
        user: user.to_owned(),
        verb: verb.to_owned(),
        resource: quoted("resource \"")
            .or_else(|| quoted("path \""))
            .unwrap_or(kind),
        group: quoted("API group \"").unwrap_or(group),
        namespace: quoted("in the namespace \""),
        name: Some(name).filter(|name| !name.is_empty()),
        message: message.clone(),
    })
}

/// The first line of a text, without markup and at most 120 characters.
fn first_line(text: &str) -> String {
    let line = text
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or("an empty answer");
    line.chars().take(120).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn judged(code: u16, message: &str) -> FailureKind {
        judge_status(
            code,
            &json!({ "kind": "Status", "message": message, "code": code }).to_string(),
        )
    }

    #[test]
    fn the_authorizers_sentence_becomes_the_missing_rule() {
        let message = "trainjobs.trainer.kubeflow.org is forbidden: User \"ann\" cannot list resource \"trainjobs\" in API group \"trainer.kubeflow.org\" in the namespace \"a\"";
        let FailureKind::Forbidden(rule) = judged(403, message) else {
            panic!("not forbidden")
        };
        assert_eq!(
            rule.to_string(),
            "user \"ann\" may not list trainjobs.trainer.kubeflow.org in namespace a"
        );
        assert_eq!(
            rule.question(),
            "kubectl auth can-i list trainjobs.trainer.kubeflow.org -n a"
        );
    }

    #[test]
    fn nobody_is_told_to_show_a_credential_and_not_to_ask_for_a_rule() {
        let message = "pods is forbidden: User \"system:anonymous\" cannot list resource \"pods\" in API group \"\" in the namespace \"a\"";
        assert!(matches!(
            judged(403, message),
            FailureKind::Unauthorized { .. }
        ));
    }

    #[test]
    fn a_conflict_names_each_field_and_who_has_set_it() {
        let cause = |field: &str| {
            json!({ "reason": "FieldManagerConflict", "field": field,
                "message": "conflict with \"helm\" using rbac.authorization.k8s.io/v1" })
        };
        let body = json!({ "kind": "Status", "code": 409, "reason": "Conflict",
            "message": "Apply failed with 2 conflicts", "details": {
                "causes": [cause(".subjects"), cause(".roleRef.name")] } });
        let FailureKind::Conflict(conflicts) = judge_status(409, &body.to_string()) else {
            panic!("no conflict")
        };
        let words: Vec<_> = conflicts.iter().map(ToString::to_string).collect();
        assert_eq!(
            words,
            ["helm has set .subjects", "helm has set .roleRef.name"]
        );
        let other =
            json!({ "kind": "Status", "code": 409, "message": "the object has been modified" });
        assert!(matches!(
            judge_status(409, &other.to_string()),
            FailureKind::Rejected { .. }
        ));
    }

    #[test]
    fn other_403_answers_are_refusals() {
        for message in [
            "pods \"probe\" is forbidden: violates PodSecurity \"restricted:latest\": privileged",
            "pods \"probe\" is forbidden: exceeded quota: small, requested: pods=1, used: pods=1, limited: pods=1",
        ] {
            assert!(
                matches!(
                    judged(403, message),
                    FailureKind::Rejected { webhook: None, .. }
                ),
                "{message}"
            );
        }
    }

    #[test]
    fn a_webhook_that_says_no_is_told_from_one_that_cannot_be_called() {
        let denied = judged(
            403,
            "admission webhook \"validator.trainjob\" denied the request: no runtime",
        );
        let FailureKind::Rejected {
            webhook: Some(fault),
            ..
        } = denied
        else {
            panic!("not rejected")
        };
        assert_eq!(
            fault.outcome,
            WebhookOutcome::Denied("no runtime".to_owned())
        );
        let failed = judged(
            500,
            "Internal error occurred: failed calling webhook \"validator.trainjob\": failed to call webhook: Post \"https://a.b.svc:443/x\": EOF",
        );
        let FailureKind::Rejected {
            webhook: Some(fault),
            ..
        } = failed
        else {
            panic!("not rejected")
        };
        assert_eq!(fault.name, "validator.trainjob");
        assert_eq!(
            fault.outcome,
            WebhookOutcome::Unreachable("Post \"https://a.b.svc:443/x\": EOF".to_owned())
        );
    }

    #[test]
    fn an_object_that_is_missing_is_told_from_a_resource_that_is_not_served() {
        let body = json!({ "kind": "Status", "message": "m", "code": 404,
            "details": { "name": "a", "group": "trainer.kubeflow.org", "kind": "trainjobs" } });
        let FailureKind::NotFound {
            object: Some(object),
            ..
        } = judge_status(404, &body.to_string())
        else {
            panic!("no object")
        };
        assert_eq!(
            (object.resource.as_str(), object.name.as_str()),
            ("trainjobs.trainer.kubeflow.org", "a")
        );
        assert!(matches!(
            judge_status(404, "404 page not found\n"),
            FailureKind::NotFound { object: None, .. }
        ));
    }

    #[test]
    fn something_that_is_no_api_server_is_called_so() {
        let page = "<html><head><title>Log in</title>";
        for kind in [judge_status(302, page), judge_status(404, page)] {
            assert!(matches!(
                kind,
                FailureKind::Unreachable(UnreachableCause::NotKubernetes { .. })
            ));
        }
        let problem = serde_json::from_str::<Status>(page).unwrap_err();
        assert!(matches!(
            judge_unreadable(page, &problem),
            FailureKind::Unreachable(UnreachableCause::NotKubernetes { .. })
        ));
        let tls = judge_status(400, "Client sent an HTTP request to an HTTPS server.\n");
        assert!(matches!(
            tls,
            FailureKind::Unreachable(UnreachableCause::NeedsHttps)
        ));
    }

    #[test]
    fn a_busy_or_broken_server_keeps_its_code() {
        for code in [429, 500, 503] {
            let kind = judge_status(code, "upstream down");
            assert!(
                matches!(kind, FailureKind::Unexpected { code: Some(found), .. } if found == code)
            );
        }
    }
}
