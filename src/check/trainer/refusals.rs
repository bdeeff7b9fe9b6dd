//! Why a controller's pods cannot even be created: quota, Pod Security, account or admission, by the API server's words. Pure.

use k8s_openapi::api::apps::v1::Deployment;
use serde_json::{Map, Value, json};

use crate::check::{Finding, Reason};

pub(super) const QUOTA_FORBIDS: Reason = Reason {
    code: "QuotaForbids",
    meaning: "A ResourceQuota of the namespace is used up, or wants requests and limits that the pod does not name, so the controller's pod cannot be created.",
    mend: "Raise the quota, remove it from the controllers' namespace, or free what it counts.",
};
pub(super) const POD_SECURITY_FORBIDS: Reason = Reason {
    code: "PodSecurityForbids",
    meaning: "The namespace enforces a Pod Security level that the controller's pod does not keep to, so the pod cannot be created.",
    mend: "Label the namespace with the level that the pod needs, or correct the pod's security context in the Deployment.",
};
pub(super) const POLICY_FORBIDS: Reason = Reason {
    code: "PolicyForbids",
    meaning: "A ValidatingAdmissionPolicy or an admission webhook of the cluster refuses the controller's pod, or a webhook that has to be asked does not answer.",
    mend: "The message names the policy or webhook. Except the controllers' namespace from it, change the Deployment to what it asks for, or mend the webhook.",
};
pub(super) const POD_ACCOUNT_MISSING: Reason = Reason {
    code: "PodAccountMissing",
    meaning: "The service account that the Deployment's pods run as does not exist, so they cannot be created.",
    mend: "Create the service account with kubectl create serviceaccount.",
};
pub(super) const PODS_NOT_CREATED: Reason = Reason {
    code: "PodsNotCreated",
    meaning: "The API server refuses the controller's pods, for the reason that is quoted.",
    mend: "Follow the quoted reason; it is the API server's own.",
};

/// The finding for a Deployment whose `ReplicaSet` may not create pods; `None` when it may.
pub(super) fn judge(deployment: &Deployment, object: &str) -> Option<Finding> {
    let conditions = deployment.status.as_ref()?.conditions.as_ref()?;
    let refused = conditions
        .iter()
        .find(|condition| condition.type_ == "ReplicaFailure" && condition.status == "True")?;
    let message = refused.message.as_deref().unwrap_or("no message");
    let namespace = deployment.metadata.namespace.as_deref().unwrap_or_default();
    let (reason, mend) = judge_message(message, namespace);
    let name = deployment.metadata.name.as_deref().unwrap_or_default();
    let describe = format!("kubectl -n {namespace} describe deployment/{name}");
    let detail = format!("{object} cannot create its pods: {message}");
    Some(Finding::failed(reason, detail).mended_by(mend.unwrap_or(describe)))
}

/// The kind of refusal, and the command that mends it where there is one.
fn judge_message(message: &str, namespace: &str) -> (&'static Reason, Option<String>) {
    if let Some(quota) = between(message, "exceeded quota: ", ',') {
        (&QUOTA_FORBIDS, Some(raise_quota(message, namespace, quota)))
    } else if let Some(quota) = between(message, "failed quota: ", ':') {
        let look = format!("kubectl -n {namespace} describe resourcequota {quota}");
        (&QUOTA_FORBIDS, Some(look))
    } else if let Some(level) = between(message, "violates PodSecurity \"", ':') {
        let lower = if level == "restricted" {
            "baseline"
        } else {
            "privileged"
        };
        let label = format!(
            "kubectl label namespace {namespace} pod-security.kubernetes.io/enforce={lower} --overwrite"
        );
        (&POD_SECURITY_FORBIDS, Some(label))
    } else if let Some(account) = between(message, "serviceaccount \"", '"') {
        let create = format!("kubectl -n {namespace} create serviceaccount {account}");
        (&POD_ACCOUNT_MISSING, Some(create))
    } else if let Some(policy) = between(message, "ValidatingAdmissionPolicy '", '\'') {
        let look = format!("kubectl get validatingadmissionpolicy {policy} -o yaml");
        (&POLICY_FORBIDS, Some(look))
    } else if message.contains("admission webhook \"") || message.contains("failed calling webhook")
    {
        let look = "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations";
        (&POLICY_FORBIDS, Some(look.to_owned()))
    } else {
        (&PODS_NOT_CREATED, None)
    }
}

fn between<'a>(text: &'a str, before: &str, after: char) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    Some(rest.split(after).next().unwrap_or(rest))
}

/// Room for one more pod, where the message counts in plain numbers; else a look at the quota.
fn raise_quota(message: &str, namespace: &str, quota: &str) -> String {
    let list = |before: &str, after: &str| -> Vec<(&str, &str)> {
        let rest = message.split_once(before).map_or("", |(_, rest)| rest);
        let pairs = rest.split(after).next().unwrap_or(rest).split(',');
        pairs
            .filter_map(|pair| pair.trim().split_once('='))
            .collect()
    };
    let requested = list("requested: ", ", used: ");
    let used = list("used: ", ", limited: ");
    let wanted = |(resource, amount): &(&str, &str)| -> Option<(String, Value)> {
        let amount: u64 = amount.parse().ok()?;
        let (_, taken) = used.iter().find(|(other, _)| other == resource)?;
        let taken: u64 = taken.parse().ok()?;
        Some(((*resource).to_owned(), json!((amount + taken).to_string())))
    };
    let hard: Option<Map<String, Value>> = requested.iter().map(wanted).collect();
    match hard.filter(|hard| !hard.is_empty()) {
        Some(hard) => {
            let patch = json!({"spec": {"hard": hard}});
            format!("kubectl -n {namespace} patch resourcequota {quota} --type=merge -p '{patch}'")
        }
        None => format!("kubectl -n {namespace} describe resourcequota {quota}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(message: &str) -> (&'static str, Option<String>) {
        let (reason, mend) = judge_message(message, "ml");
        (reason.code, mend)
    }

    #[test]
    fn a_quota_is_raised_by_what_one_more_pod_takes() {
        let counted = "pods \"x\" is forbidden: exceeded quota: none, requested: pods=1,count/pods=1, used: pods=0,count/pods=2, limited: pods=0,count/pods=2";
        let patch = r#"kubectl -n ml patch resourcequota none --type=merge -p '{"spec":{"hard":{"pods":"1","count/pods":"3"}}}'"#;
        assert_eq!(judged(counted), ("QuotaForbids", Some(patch.to_owned())));
        let measured = "pods \"x\" is forbidden: exceeded quota: small, requested: requests.cpu=500m, used: requests.cpu=0, limited: requests.cpu=100m";
        let look = "kubectl -n ml describe resourcequota small";
        assert_eq!(judged(measured), ("QuotaForbids", Some(look.to_owned())));
        let unnamed =
            "pods \"x\" is forbidden: failed quota: small: must specify limits.memory for: manager";
        assert_eq!(judged(unnamed), ("QuotaForbids", Some(look.to_owned())));
    }

    #[test]
    fn refusals_are_told_apart_by_the_servers_words() {
        for (message, code, command) in [
            (
                "pods \"x\" is forbidden: violates PodSecurity \"restricted:latest\": allowPrivilegeEscalation != false",
                "PodSecurityForbids",
                "kubectl label namespace ml pod-security.kubernetes.io/enforce=baseline --overwrite",
            ),
            (
                "pods \"x\" is forbidden: violates PodSecurity \"baseline:v1.36\": host namespaces (hostNetwork=true)",
                "PodSecurityForbids",
                "kubectl label namespace ml pod-security.kubernetes.io/enforce=privileged --overwrite",
            ),
            (
                "pods \"x\" is forbidden: error looking up service account ml/own: serviceaccount \"own\" not found",
                "PodAccountMissing",
                "kubectl -n ml create serviceaccount own",
            ),
            (
                "pods \"x\" is forbidden: ValidatingAdmissionPolicy 'no-pods' with binding 'all' denied request: none today",
                "PolicyForbids",
                "kubectl get validatingadmissionpolicy no-pods -o yaml",
            ),
            (
                "admission webhook \"validate.kyverno.svc-fail\" denied the request: labels are missing",
                "PolicyForbids",
                "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations",
            ),
            (
                "Internal error occurred: failed calling webhook \"validate.kyverno.svc-fail\": connection refused",
                "PolicyForbids",
                "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations",
            ),
        ] {
            assert_eq!(
                judged(message),
                (code, Some(command.to_owned())),
                "{message}"
            );
        }
        let other =
            "pods \"x\" is forbidden: minimum cpu usage per Container is 1, but request is 500m";
        assert_eq!(judged(other), ("PodsNotCreated", None));
    }
}
