//! The category Webhooks, first half: do the certificates hold, and does the API server trust the right authority?

use std::rc::Rc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Secret;

use crate::{
    check::{Category, Check, Finding, Outcome, Reason, Retry, Severity},
    cluster::Failure,
    releases::{self, Release},
};

use super::{
    CA_BUNDLES as CA_BUNDLES_ID, CERTIFICATES as CERTIFICATES_ID, NAMESPACE, TrainerContext,
    conclude,
    installation::{
        Configuration, ConfigurationKind, Part, ServiceAddress, Webhook, belongs_to,
        certificate_secret, services,
    },
    merge,
    schema::fetch_versions,
    x509::{self, Leaf},
};

/// Certificates that end sooner than this deserve a warning; cert-controller renews long before.
const SOON: SignedDuration = SignedDuration::from_hours(30 * 24);

pub(crate) const CERTIFICATES: Check<TrainerContext> = Check {
    id: CERTIFICATES_ID,
    category: Category::Webhooks,
    title: "The webhook certificates are valid",
    hint: "restart the controller: it makes a new certificate when its Secret holds none that is valid",
    page: "Reads the Secrets that the controllers mount and looks at tls.crt: it has to parse, be valid now and for 30 more days, be for the name SERVICE.NAMESPACE.svc, and be signed by the ca.crt beside it.\n\n\
           Both controllers make and renew their certificates themselves, unless certManagement is off. Private keys are not looked at.",
    reasons: &[
        &SECRET_MISSING,
        &CERTIFICATE_MISSING,
        &CERTIFICATE_UNREADABLE,
        &CERTIFICATE_EXPIRED,
        &CERTIFICATE_NOT_YET_VALID,
        &CERTIFICATE_EXPIRES_SOON,
        &WRONG_NAME,
        &WRONG_AUTHORITY,
    ],
    severity: Severity::Error,
    requires: &[NAMESPACE],
    retry: Retry::UntilDeadline,
    run: |context| Box::pin(check_parts(context, Look::Certificate)),
};

const SECRET_MISSING: Reason = Reason {
    code: "SecretMissing",
    meaning: "The Secret for the webhook's certificate does not exist. The controller fills it but does not create it, and its pod does not start without it.",
    mend: "Apply the manager overlay of the Trainer release again.",
};
const CERTIFICATE_MISSING: Reason = Reason {
    code: "CertificateMissing",
    meaning: "The Secret is there but holds no tls.crt or ca.crt yet: the controller has not got as far, or may not write the Secret.",
    mend: "Wait with --wait; if it stays, read the controller's log.",
};
const CERTIFICATE_UNREADABLE: Reason = Reason {
    code: "CertificateUnreadable",
    meaning: "What the Secret holds is not a PEM certificate.",
    mend: "Restart the controller, which makes a new one; if the certificate is managed elsewhere, renew it there.",
};
const CERTIFICATE_EXPIRED: Reason = Reason {
    code: "CertificateExpired",
    meaning: "The certificate's time has passed: the API server refuses the webhook's answers.",
    mend: "Restart the controller, which makes a new one; if the certificate is managed elsewhere, renew it there.",
};
const CERTIFICATE_NOT_YET_VALID: Reason = Reason {
    code: "CertificateNotYetValid",
    meaning: "The certificate begins in the future: the clock of a node, or of this machine, is wrong.",
    mend: "Correct the clock, then restart the controller.",
};
const CERTIFICATE_EXPIRES_SOON: Reason = Reason {
    code: "CertificateExpiresSoon",
    meaning: "The certificate ends within 30 days and nobody has renewed it.",
    mend: "Restart the controller, which renews it; if the certificate is managed elsewhere, renew it there.",
};
const WRONG_NAME: Reason = Reason {
    code: "WrongName",
    meaning: "The certificate is not for the name that the API server calls the webhook by.",
    mend: "Restart the controller, which makes one for its own Service; after a change of the namespace, apply the overlay again.",
};
const WRONG_AUTHORITY: Reason = Reason {
    code: "WrongAuthority",
    meaning: "tls.crt is not signed by the ca.crt of the same Secret.",
    mend: "Restart the controller, which makes both anew; if the certificate is managed elsewhere, renew it there.",
};

pub(crate) const CA_BUNDLES: Check<TrainerContext> = Check {
    id: CA_BUNDLES_ID,
    category: Category::Webhooks,
    title: "Every webhook entry trusts that certificate",
    hint: "restart the controller: it writes its CA into its webhook configurations",
    page: "Looks at the caBundle of every entry of the four webhook configurations: it has to be there and hold the ca.crt of the controller's Secret.\n\n\
           A GitOps tool that applies the configurations as they are in the repository empties the bundles again and again; tell it to ignore them.",
    reasons: &[
        &CONFIGURATION_MISSING,
        &BUNDLE_EMPTY,
        &BUNDLE_UNREADABLE,
        &BUNDLE_DIFFERS,
    ],
    severity: Severity::Error,
    requires: &[NAMESPACE],
    retry: Retry::UntilDeadline,
    run: |context| Box::pin(check_parts(context, Look::Bundles)),
};

const CONFIGURATION_MISSING: Reason = Reason {
    code: "ConfigurationMissing",
    meaning: "A webhook configuration that the installed release ships does not exist or is empty, so that its webhooks are never called: mistakes in TrainJobs are no longer refused, and defaults no longer filled in.",
    mend: "Apply the manager overlay of the Trainer release again.",
};
const BUNDLE_EMPTY: Reason = Reason {
    code: "BundleEmpty",
    meaning: "A webhook entry has no caBundle, so the API server does not trust the webhook and every call fails.",
    mend: "Restart the controller, which fills it in. If it is empty again soon, something else keeps applying the configuration.",
};
const BUNDLE_UNREADABLE: Reason = Reason {
    code: "BundleUnreadable",
    meaning: "A caBundle is not a PEM certificate.",
    mend: "Restart the controller, which writes it anew.",
};
const BUNDLE_DIFFERS: Reason = Reason {
    code: "BundleDiffers",
    meaning: "A caBundle does not hold the authority in the controller's Secret, so the API server does not trust the webhook.",
    mend: "Restart the controller, which writes it anew. If it differs again soon, something else keeps applying the configuration.",
};

/// Which of the two checks of this file is made.
#[derive(Clone, Copy)]
enum Look {
    Certificate,
    Bundles,
}

async fn check_parts(context: &TrainerContext, look: Look) -> Outcome {
    let parts =
        Part::BOTH.map(|part| async move { conclude(check_part(context, part, look).await) });
    let outcomes = futures::future::join_all(parts).await;
    let seen: usize = outcomes.iter().map(|outcome| outcome.facts.len()).sum();
    let summary = match look {
        Look::Certificate => format!("{seen} certificates"),
        Look::Bundles => format!("{seen} entries"),
    };
    let passed = outcomes.iter().all(|outcome| outcome.findings.is_empty());
    merge(passed.then_some(summary), outcomes)
}

async fn check_part(
    context: &TrainerContext,
    part: Part,
    look: Look,
) -> Result<Outcome, Rc<Failure>> {
    let place = context.fetch_place(part).await?;
    let Some(place) = place.as_ref() else {
        return Ok(Outcome::default());
    };
    let (configurations, deployments) = tokio::join!(
        context.fetch_configurations(part),
        context.fetch_deployments(&place.namespace)
    );
    // Which Secret it is can be assumed when the Deployment may not be read; the Secret itself will tell.
    let deployments = deployments.as_deref().map_or(&[][..], Vec::as_slice);
    let deployment = deployments
        .iter()
        .find(|deployment| belongs_to(deployment, part));
    let name = certificate_secret(deployment, part);
    let secret = context.fetch_secret(&place.namespace, &name).await;
    let configurations = configurations?;
    let place = Place {
        namespace: &place.namespace,
        secret: &name,
        deployment: deployment.and_then(|found| found.metadata.name.as_deref()),
    };
    match look {
        Look::Certificate => Ok(judge_secret(
            &place,
            secret?.as_ref().as_ref(),
            &configurations,
            context.now,
        )),
        Look::Bundles => {
            let versions = fetch_versions(context).await;
            let release = versions.trainer().and_then(releases::find);
            let present = judge_presence(part, release, &configurations);
            let trusted = judge_bundles(
                &place,
                &configurations,
                secret.as_deref().map_err(Rc::as_ref),
            );
            Ok(merge(None, [present, trusted]))
        }
    }
}

/// The names that findings and their mends need.
struct Place<'a> {
    namespace: &'a str,
    secret: &'a str,
    deployment: Option<&'a str>,
}

impl Place<'_> {
    fn restart(&self) -> String {
        let deployment = self
            .deployment
            .map_or("--all".to_owned(), |name| format!("deployment/{name}"));
        format!("kubectl -n {} rollout restart {deployment}", self.namespace)
    }
}

fn judge_secret(
    place: &Place<'_>,
    secret: Option<&Secret>,
    configurations: &[Configuration],
    now: Timestamp,
) -> Outcome {
    let object = format!("Secret {}/{}", place.namespace, place.secret);
    let Some(secret) = secret else {
        let detail = format!("{object} does not exist");
        return Outcome::of(
            Finding::failed(&SECRET_MISSING, detail)
                .mended_by(format!("kubectl -n {} get secrets", place.namespace)),
        );
    };
    let (Some(certificate), Some(authority)) = (data(secret, "tls.crt"), data(secret, "ca.crt"))
    else {
        let detail = format!("{object} holds no tls.crt and ca.crt");
        return Outcome::of(
            Finding::failed(&CERTIFICATE_MISSING, detail).mended_by(place.restart()),
        );
    };
    let names: Vec<_> = services(configurations)
        .iter()
        .map(ServiceAddress::dns_name)
        .collect();
    match judge_certificate(&object, certificate, authority, &names, now) {
        Ok(fact) => Outcome::passed(fact),
        Err(finding) => Outcome::of(finding.mended_by(place.restart())),
    }
}

/// What the certificate is, or the first thing that is wrong with it.
fn judge_certificate(
    object: &str,
    certificate: &[u8],
    authority: &[u8],
    names: &[String],
    now: Timestamp,
) -> Result<String, Finding> {
    let unreadable = |key: &str| {
        Finding::failed(
            &CERTIFICATE_UNREADABLE,
            format!("{key} of {object} is not a PEM certificate"),
        )
    };
    let leaf = Leaf::parse(certificate, authority).map_err(|part| unreadable(part.key()))?;
    let time = |time: Timestamp| time.strftime("%Y-%m-%d %H:%M UTC").to_string();
    if leaf.ends <= now {
        return Err(Finding::failed(
            &CERTIFICATE_EXPIRED,
            format!("tls.crt of {object} expired on {}", time(leaf.ends)),
        ));
    }
    if leaf.starts > now {
        return Err(Finding::failed(
            &CERTIFICATE_NOT_YET_VALID,
            format!("tls.crt of {object} begins on {}", time(leaf.starts)),
        ));
    }
    if let Some(name) = names.iter().find(|name| !leaf.names.contains(name)) {
        let detail = format!(
            "tls.crt of {object} is for {}, not for {name}",
            leaf.names.join(", ")
        );
        return Err(Finding::failed(&WRONG_NAME, detail));
    }
    if leaf.issued_by_authority == x509::Issued::ByAnother {
        return Err(Finding::failed(
            &WRONG_AUTHORITY,
            format!("tls.crt of {object} is not signed by its ca.crt"),
        ));
    }
    let ends = format!("valid until {}", leaf.ends.strftime("%Y-%m-%d"));
    if leaf.ends.duration_since(now) < SOON {
        return Err(Finding::warning(
            &CERTIFICATE_EXPIRES_SOON,
            format!("tls.crt of {object} is only {ends}"),
        ));
    }
    Ok(format!("{object} is {ends}"))
}

fn data<'a>(secret: &'a Secret, key: &str) -> Option<&'a [u8]> {
    let bytes = &secret.data.as_ref()?.get(key)?.0;
    (!bytes.is_empty()).then_some(bytes.as_slice())
}

fn judge_bundles(
    place: &Place<'_>,
    configurations: &[Configuration],
    secret: Result<&Option<Secret>, &Failure>,
) -> Outcome {
    let mut outcomes = Vec::new();
    let authority = match secret {
        Ok(secret) => secret
            .as_ref()
            .and_then(|secret| data(secret, "ca.crt"))
            .map(x509::parse_pem),
        Err(failure) => {
            outcomes.push(Outcome::of(Finding::of_failure(failure)));
            None
        }
    };
    let authority = authority.unwrap_or_default();
    for configuration in configurations {
        outcomes.push(judge_configuration(place, configuration, &authority));
    }
    merge(None, outcomes)
}

/// All entries of a configuration share one fate: the first that is wrong stands for all.
fn judge_configuration(
    place: &Place<'_>,
    configuration: &Configuration,
    authority: &[Vec<u8>],
) -> Outcome {
    let object = format!("{} {}", configuration.kind.resource(), configuration.name);
    if configuration.webhooks.is_empty() {
        return Outcome::of(Finding::failed(
            &CONFIGURATION_MISSING,
            format!("{object} has no entries"),
        ));
    }
    let verdicts: Vec<_> = configuration
        .webhooks
        .iter()
        .map(|webhook| judge_bundle(webhook, authority))
        .collect();
    let wrong: Vec<_> = verdicts.iter().flatten().collect();
    let Some((reason, words)) = wrong.first() else {
        return Outcome::new(
            Vec::new(),
            configuration
                .webhooks
                .iter()
                .map(|webhook| format!("{} trusts it", webhook.name))
                .collect(),
        );
    };
    let detail = format!(
        "{object}: the caBundle of {} of {} entries {words}",
        wrong.len(),
        configuration.webhooks.len()
    );
    Outcome::of(Finding::failed(reason, detail).mended_by(place.restart()))
}

/// What is wrong with one entry's bundle, in words that follow "the caBundle".
fn judge_bundle(webhook: &Webhook, authority: &[Vec<u8>]) -> Option<(&'static Reason, String)> {
    if webhook.ca_bundle.is_empty() {
        return Some((&BUNDLE_EMPTY, "is empty".to_owned()));
    }
    let bundle = x509::parse_pem(&webhook.ca_bundle);
    if bundle.is_empty() {
        return Some((&BUNDLE_UNREADABLE, "is not a PEM certificate".to_owned()));
    }
    let trusted = authority.is_empty()
        || authority
            .iter()
            .any(|certificate| bundle.contains(certificate));
    (!trusted).then(|| {
        (
            &BUNDLE_DIFFERS,
            "does not hold the ca.crt of the controller's Secret".to_owned(),
        )
    })
}

/// The configurations that the installed release ships: Trainer's mutating one came with 2.2.
fn judge_presence(
    part: Part,
    release: Option<&Release>,
    configurations: &[Configuration],
) -> Outcome {
    let (validating, mutating) = part.configurations();
    let shipped = |name: &&str| match release {
        Some(release) => release
            .webhook_configurations
            .iter()
            .any(|facts| facts.name == *name),
        None => part == Part::JobSet || *name == validating,
    };
    let there = |name: &&str| {
        configurations
            .iter()
            .any(|configuration| configuration.name == *name)
    };
    let missing = [validating, mutating]
        .into_iter()
        .filter(shipped)
        .filter(|name| !there(name));
    let findings = missing.map(|name| {
        let detail = format!(
            "webhook configuration {name} of {} does not exist",
            part.name()
        );
        let resource = if name == validating {
            ConfigurationKind::Validating
        } else {
            ConfigurationKind::Mutating
        }
        .resource();
        Finding::failed(&CONFIGURATION_MISSING, detail)
            .mended_by(format!("kubectl get {resource} {name}"))
    });
    Outcome::new(findings.collect(), Vec::new())
}

#[cfg(test)]
mod tests {
    use k8s_openapi::ByteString;
    use rcgen::{
        BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd,
    };

    use super::*;
    use crate::check::trainer::installation::ServiceAddress;

    const NAME: &str = "kubeflow-trainer-controller-manager.kubeflow-system.svc";

    fn authority() -> CertifiedIssuer<'static, KeyPair> {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    }

    /// A certificate for `name` that ends with 2026.
    fn leaf(name: &str, issuer: &CertifiedIssuer<'static, KeyPair>) -> String {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2026, 1, 1);
        params.not_after = date_time_ymd(2027, 1, 1);
        params
            .signed_by(&KeyPair::generate().unwrap(), issuer)
            .unwrap()
            .pem()
    }

    fn judged(certificate: &str, authority: &str, now: &str) -> Result<String, &'static str> {
        let names = [NAME.to_owned()];
        let now = now.parse().unwrap();
        let judged = judge_certificate(
            "Secret a/b",
            certificate.as_bytes(),
            authority.as_bytes(),
            &names,
            now,
        );
        judged.map_err(|finding| finding.reason.code)
    }

    #[test]
    fn a_certificate_is_judged_by_time_name_and_authority() {
        let (own, other) = (authority(), authority());
        let good = leaf(NAME, &own);
        assert_eq!(
            judged(&good, &own.pem(), "2026-06-01T00:00:00Z"),
            Ok("Secret a/b is valid until 2027-01-01".to_owned())
        );
        assert_eq!(
            judged(&good, &own.pem(), "2027-01-01T00:00:00Z"),
            Err("CertificateExpired")
        );
        assert_eq!(
            judged(&good, &own.pem(), "2025-12-31T23:59:59Z"),
            Err("CertificateNotYetValid")
        );
        assert_eq!(
            judged(&good, &own.pem(), "2026-12-15T00:00:00Z"),
            Err("CertificateExpiresSoon")
        );
        assert_eq!(
            judged(&leaf("other.svc", &own), &own.pem(), "2026-06-01T00:00:00Z"),
            Err("WrongName")
        );
        assert_eq!(
            judged(&good, &other.pem(), "2026-06-01T00:00:00Z"),
            Err("WrongAuthority")
        );
        assert_eq!(
            judged("no PEM", &own.pem(), "2026-06-01T00:00:00Z"),
            Err("CertificateUnreadable")
        );
        assert_eq!(
            judged(&good, "no PEM", "2026-06-01T00:00:00Z"),
            Err("CertificateUnreadable")
        );
    }

    fn place() -> Place<'static> {
        Place {
            namespace: "kubeflow-system",
            secret: "kubeflow-trainer-webhook-cert",
            deployment: Some("kubeflow-trainer-controller-manager"),
        }
    }

    fn reason(outcome: &Outcome) -> Option<&'static str> {
        outcome.findings.first().map(|finding| finding.reason.code)
    }

    #[test]
    fn a_secret_that_is_missing_or_empty_is_told_apart() {
        let now = "2026-06-01T00:00:00Z".parse().unwrap();
        assert_eq!(
            reason(&judge_secret(&place(), None, &[], now)),
            Some("SecretMissing")
        );
        assert_eq!(
            reason(&judge_secret(&place(), Some(&Secret::default()), &[], now)),
            Some("CertificateMissing")
        );
    }

    /// Trainer's validating configuration with these bundles.
    fn configuration(bundles: &[&str]) -> Configuration {
        let webhook = |bundle: &&str| Webhook {
            name: "validator.trainjob.trainer.kubeflow.org".to_owned(),
            service: None::<ServiceAddress>,
            ca_bundle: bundle.as_bytes().to_vec(),
        };
        Configuration {
            kind: ConfigurationKind::Validating,
            name: "validator.trainer.kubeflow.org".to_owned(),
            webhooks: bundles.iter().map(webhook).collect(),
        }
    }

    #[test]
    fn every_bundle_has_to_hold_the_authority_of_the_secret() {
        let (own, other) = (authority().pem(), authority().pem());
        let data = [("ca.crt".to_owned(), ByteString(own.clone().into_bytes()))];
        let secret = Some(Secret {
            data: Some(data.into()),
            ..Secret::default()
        });
        let judged =
            |bundles: &[&str]| judge_bundles(&place(), &[configuration(bundles)], Ok(&secret));
        assert_eq!(reason(&judged(&[&own, &own])), None);
        assert_eq!(reason(&judged(&[&format!("{other}{own}")])), None);
        assert_eq!(reason(&judged(&[&own, ""])), Some("BundleEmpty"));
        assert_eq!(reason(&judged(&["Cg=="])), Some("BundleUnreadable"));
        let outcome = judged(&[&own, &other, &other]);
        assert_eq!(reason(&outcome), Some("BundleDiffers"));
        assert!(
            outcome.findings[0]
                .detail
                .contains("the caBundle of 2 of 3 entries")
        );
    }

    #[test]
    fn which_configurations_have_to_exist_depends_on_the_release() {
        let missing = |part, version, there: &[Configuration]| {
            judge_presence(part, releases::find(version), there)
                .findings
                .len()
        };
        let validating = [configuration(&[])];
        assert_eq!(missing(Part::Trainer, "2.1.0", &validating), 0);
        assert_eq!(missing(Part::Trainer, "2.3.0", &validating), 1);
        assert_eq!(missing(Part::JobSet, "2.3.0", &validating), 2);
        assert_eq!(missing(Part::Trainer, "unknown", &validating), 0);
    }
}
