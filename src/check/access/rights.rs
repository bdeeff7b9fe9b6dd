//! One side of the matrix, from the one table of personas: what each must be allowed. `borders.rs` has the other. Pure.

use crate::{
    access::persona::{Names, Part, Persona, Rule, SHIPPED, shipped_role},
    cluster::{Access, AccessQuestion, resources::TRAINER_GROUP},
};

pub(super) const CLUSTER_RUNTIMES: &str = "clustertrainingruntimes";

/// Where a right is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In the namespace in question.
    Here,
    /// In a namespace that every cluster has, and that is nobody's.
    Elsewhere,
    /// At the cluster scope, which means all namespaces too.
    Cluster,
}

/// One question of the matrix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Right {
    pub(super) verb: &'static str,
    pub(super) group: &'static str,
    pub(super) resource: &'static str,
    pub(super) place: Place,
    /// The object that it is about, where it is about one.
    pub(super) name: Option<String>,
}

impl Right {
    pub(super) const fn new(
        place: Place,
        verb: &'static str,
        group: &'static str,
        resource: &'static str,
    ) -> Self {
        Self {
            verb,
            group,
            resource,
            place,
            name: None,
        }
    }

    pub(super) fn question<'a>(&'a self, namespace: &'a str) -> AccessQuestion<'a> {
        let access = Access {
            verb: self.verb,
            group: self.group,
            resource: self.resource,
            namespace: self.place.namespace(namespace),
        };
        AccessQuestion {
            access,
            name: self.name.as_deref(),
        }
    }

    /// As kubectl writes it: `pods/log`, `trainjobs.trainer.kubeflow.org`.
    fn full_resource(&self) -> String {
        let name = self.name.as_ref();
        let name = name.map_or(String::new(), |name| format!(" {name}"));
        match self.group {
            "" => format!("{}{name}", self.resource),
            group => format!("{}.{group}{name}", self.resource),
        }
    }
}

impl Place {
    pub(super) fn namespace(self, here: &str) -> Option<&str> {
        match self {
            Self::Here => Some(here),
            Self::Elsewhere if here == "kube-system" => Some("default"),
            Self::Elsewhere => Some("kube-system"),
            Self::Cluster => None,
        }
    }

    fn words(self, here: &str) -> String {
        match self.namespace(here) {
            Some(namespace) => format!("in namespace {namespace}"),
            None => "at the cluster scope, for all namespaces".to_owned(),
        }
    }
}

/// What a persona must be allowed, in the parts in which a person thinks of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Area {
    Jobs,
    Runtimes,
    ClusterRuntimes,
    Pods,
    /// All else that everybody of this persona has.
    Surroundings,
    /// What only some of this persona have, because not everybody can grant it.
    Extras,
}

impl Area {
    fn of_core(resource: &str) -> Self {
        match resource {
            "trainjobs" => Self::Jobs,
            "trainingruntimes" => Self::Runtimes,
            "pods" | "pods/log" => Self::Pods,
            _ => Self::Surroundings,
        }
    }
}

/// What the persona must be allowed of this; of [`Area::Extras`], what it may be allowed.
pub(super) fn required(persona: Persona, area: Area, namespace: &str) -> Vec<Right> {
    match area {
        Area::ClusterRuntimes if !persona.reads_cluster_runtimes() => Vec::new(),
        Area::ClusterRuntimes => ["get", "list"]
            .map(|verb| Right::new(Place::Cluster, verb, TRAINER_GROUP, CLUSTER_RUNTIMES))
            .into(),
        Area::Extras => {
            let extras = Part::EVERY.into_iter().filter(|part| *part != Part::Core);
            let rules = extras.flat_map(|part| persona.rules(part));
            rules.flat_map(|rule| of_rule(&rule, namespace)).collect()
        }
        area => {
            let rules = persona.rules(Part::Core).into_iter();
            let rights = rules.flat_map(|rule| of_rule(&rule, namespace));
            rights
                .filter(|right| Area::of_core(right.resource) == area)
                .collect()
        }
    }
}

fn of_rule(rule: &Rule, namespace: &str) -> Vec<Right> {
    let names: Vec<Option<String>> = match rule.names {
        Names::All => vec![None],
        Names::OfNamespace => vec![Some(namespace.to_owned())],
        Names::ShippedRoles => SHIPPED.map(|persona| Some(shipped_role(persona))).into(),
    };
    let mut rights = Vec::new();
    for resource in rule.resources {
        for verb in rule.verbs {
            rights.extend(names.iter().map(|name| Right {
                name: name.clone(),
                ..Right::new(Place::Here, verb, rule.group, resource)
            }));
        }
    }
    rights
}

/// A resource with what is done to it.
type VerbsOn<'a> = (String, Vec<&'a str>);

/// `create, delete trainjobs.trainer.kubeflow.org; list pods in namespace team-a`.
pub(super) fn spoken(rights: &[&Right], namespace: &str) -> String {
    let mut places: Vec<(Place, Vec<VerbsOn<'_>>)> = Vec::new();
    for right in rights {
        let at = places.iter().position(|(place, _)| *place == right.place);
        let at = at.unwrap_or_else(|| {
            places.push((right.place, Vec::new()));
            places.len() - 1
        });
        let resources = &mut places[at].1;
        let resource = right.full_resource();
        match resources.iter_mut().find(|(known, _)| *known == resource) {
            Some((_, verbs)) => verbs.push(right.verb),
            None => resources.push((resource, vec![right.verb])),
        }
    }
    let words = places.into_iter().map(|(place, resources)| {
        let resources = resources
            .into_iter()
            .map(|(resource, verbs)| format!("{} {resource}", verbs.join(", ")));
        let resources: Vec<_> = resources.collect();
        format!("{} {}", resources.join("; "), place.words(namespace))
    });
    words.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::access::borders::{Border, forbidden};

    const AREAS: [Area; 5] = [
        Area::Jobs,
        Area::Runtimes,
        Area::Pods,
        Area::Surroundings,
        Area::Extras,
    ];
    const BORDERS: [Border; 7] = [
        Border::OtherNamespaces,
        Border::Training,
        Border::Secrets,
        Border::Pods,
        Border::Impersonation,
        Border::Rights,
        Border::Cluster,
    ];

    fn everything_forbidden(persona: Persona) -> Vec<Right> {
        let borders = BORDERS.into_iter();
        borders
            .flat_map(|border| forbidden(persona, border))
            .collect()
    }

    #[test]
    fn every_rule_of_every_persona_is_asked_about_and_none_of_it_is_forbidden() {
        for persona in Persona::EVERY {
            let asked: Vec<_> = AREAS
                .into_iter()
                .flat_map(|area| required(persona, area, "a"))
                .collect();
            for part in Part::EVERY {
                for right in persona.rules(part).iter().flat_map(|it| of_rule(it, "a")) {
                    assert!(asked.contains(&right), "{persona:?} {right:?}");
                }
            }
            let forbidden = everything_forbidden(persona);
            let both = asked.iter().find(|right| forbidden.contains(right));
            assert_eq!(both, None, "{persona:?}");
        }
    }

    #[test]
    fn what_only_some_personas_may_is_forbidden_to_the_others() {
        let forbids = |persona, verb: &str, resource: &str| {
            let forbidden = everything_forbidden(persona);
            forbidden.iter().any(|right| {
                (right.verb, right.resource, right.place) == (verb, resource, Place::Here)
            })
        };
        assert!(forbids(Persona::Viewer, "create", "trainjobs"));
        assert!(!forbids(Persona::Submitter, "create", "trainjobs"));
        assert!(forbids(Persona::Ci, "patch", "trainjobs"));
        assert!(forbids(Persona::Submitter, "update", "trainingruntimes"));
        assert!(!forbids(Persona::Admin, "update", "trainingruntimes"));
        assert!(!forbids(Persona::Admin, "create", "rolebindings"));
        assert!(forbids(Persona::System, "create", "rolebindings"));
        // The shipped roles may be passed on, which is not all.
        assert!(forbids(Persona::Admin, "bind", "clusterroles"));
        assert!(forbids(Persona::UserCode, "list", "trainjobs"));
    }

    #[test]
    fn training_code_must_have_nothing() {
        for area in AREAS {
            assert_eq!(required(Persona::UserCode, area, "a"), []);
        }
        assert_eq!(required(Persona::UserCode, Area::ClusterRuntimes, "a"), []);
    }

    #[test]
    fn rights_are_told_by_place_and_resource() {
        let here = |verb, resource| Right::new(Place::Here, verb, "", resource);
        let list = Right::new(Place::Cluster, "list", TRAINER_GROUP, "trainjobs");
        let rights = [
            &here("get", "secrets"),
            &here("list", "secrets"),
            &list,
            &here("create", "pods/exec"),
        ];
        assert_eq!(
            spoken(&rights, "team-a"),
            "get, list secrets; create pods/exec in namespace team-a; list trainjobs.trainer.kubeflow.org at the cluster scope, for all namespaces"
        );
    }

    #[test]
    fn another_namespace_is_one_that_is_there_and_another() {
        assert_eq!(Place::Elsewhere.namespace("team-a"), Some("kube-system"));
        assert_eq!(Place::Elsewhere.namespace("kube-system"), Some("default"));
    }
}
