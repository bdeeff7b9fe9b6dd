//! Who may do what: the personas and their rules, as one table that everything else is made from.

use serde_json::{Value, json};

/// What an account, a person or a group is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persona {
    /// Sees `TrainJob`s, runtimes, pods and events.
    Viewer,
    /// Submits and follows `TrainJob`s: a notebook, a person.
    Submitter,
    /// The least that a pipeline outside the cluster needs.
    Ci,
    /// Also writes the namespace's runtimes, and passes the shipped roles on.
    Admin,
    /// Training code itself: no rights, and no token in its pods.
    UserCode,
    /// A platform's own components: as admin, but passes no rights on.
    System,
}

/// A piece of a persona's rights with a Role of its own, because not everybody who may grant one may grant another,
/// or because it is asked for by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Core,
    /// Reading logs, for those who may not without it.
    Logs,
    /// What tells why a job waits, such as queues.
    Diagnose,
    /// Passing the shipped roles on.
    Delegate,
}

/// What a part allows with some resources.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    pub group: &'static str,
    pub resources: &'static [&'static str],
    pub verbs: &'static [&'static str],
    pub names: Names,
}

/// Which objects a rule speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    All,
    /// The one with the namespace's own name.
    OfNamespace,
    /// The roles of `install-roles`.
    ShippedRoles,
}

/// The personas that have a `ClusterRole` of their own.
pub const SHIPPED: [Persona; 3] = [Persona::Viewer, Persona::Submitter, Persona::Admin];

type Verbs = &'static [&'static str];

const NONE: Verbs = &[];
const GET: Verbs = &["get"];
const LIST: Verbs = &["list"];
const LOOK: Verbs = &["get", "list"];
const READ: Verbs = &["get", "list", "watch"];
const SUBMIT: Verbs = &["get", "list", "watch", "create", "patch", "delete"];
const RUN: Verbs = &["get", "list", "watch", "create", "delete"];
const OWN_JOBS: Verbs = &[
    "get",
    "list",
    "watch",
    "create",
    "update",
    "patch",
    "delete",
    "deletecollection",
];
const OWN_RUNTIMES: Verbs = &[
    "get", "list", "watch", "create", "update", "patch", "delete",
];
const BIND: Verbs = &["bind"];

const TRAINER: &str = "trainer.kubeflow.org";
const RBAC: &str = "rbac.authorization.k8s.io";

/// One line of the table; the verbs are those of viewer, submitter, ci, admin and system.
struct Row(Part, &'static str, &'static [&'static str], [Verbs; 5]);

const TABLE: [Row; 16] = [
    Row(
        Part::Core,
        TRAINER,
        &["trainjobs"],
        [READ, SUBMIT, RUN, OWN_JOBS, OWN_JOBS],
    ),
    // The SDK asks for the namespace's runtime first, and gives up when it may not.
    Row(
        Part::Core,
        TRAINER,
        &["trainingruntimes"],
        [READ, READ, LOOK, OWN_RUNTIMES, OWN_RUNTIMES],
    ),
    Row(Part::Core, "", &["pods"], [READ, READ, LOOK, READ, READ]),
    Row(Part::Core, "", &["pods/log"], [NONE, GET, GET, GET, GET]),
    Row(Part::Core, "", &["events"], [READ, READ, LIST, READ, READ]),
    Row(
        Part::Core,
        "batch",
        &["jobs"],
        [READ, READ, NONE, READ, READ],
    ),
    Row(
        Part::Core,
        "",
        &["resourcequotas", "limitranges"],
        [LOOK, LOOK, NONE, LOOK, LOOK],
    ),
    Row(Part::Core, "", OWN_NAMESPACE, [GET, GET, GET, GET, GET]),
    Row(Part::Logs, "", &["pods/log"], [GET, NONE, NONE, NONE, NONE]),
    Row(
        Part::Diagnose,
        "jobset.x-k8s.io",
        &["jobsets"],
        [READ, READ, NONE, READ, READ],
    ),
    Row(
        Part::Diagnose,
        "events.k8s.io",
        &["events"],
        [READ, READ, NONE, READ, READ],
    ),
    Row(
        Part::Diagnose,
        "scheduling.x-k8s.io",
        &["podgroups"],
        [LOOK, LOOK, NONE, LOOK, LOOK],
    ),
    Row(
        Part::Diagnose,
        "scheduling.volcano.sh",
        &["podgroups"],
        [LOOK, LOOK, NONE, LOOK, LOOK],
    ),
    Row(
        Part::Diagnose,
        "kueue.x-k8s.io",
        &["localqueues", "workloads"],
        [LOOK, LOOK, NONE, LOOK, LOOK],
    ),
    Row(
        Part::Delegate,
        RBAC,
        &["rolebindings"],
        [NONE, NONE, NONE, DELEGATE, NONE],
    ),
    Row(
        Part::Delegate,
        RBAC,
        SHIPPED_ROLES,
        [NONE, NONE, NONE, BIND, NONE],
    ),
];

const OWN_NAMESPACE: &[&str] = &["namespaces"];
const SHIPPED_ROLES: &[&str] = &["clusterroles"];
const DELEGATE: Verbs = &["get", "list", "watch", "create", "patch", "delete"];

impl Persona {
    pub const EVERY: [Self; 6] = [
        Self::Viewer,
        Self::Submitter,
        Self::Ci,
        Self::Admin,
        Self::UserCode,
        Self::System,
    ];

    /// As it is typed, and as labels and names of roles have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Submitter => "submitter",
            Self::Ci => "ci",
            Self::Admin => "admin",
            Self::UserCode => "user-code",
            Self::System => "system",
        }
    }

    /// The one that is typed so.
    pub fn of_name(name: &str) -> Option<Self> {
        let mut every = Self::EVERY.into_iter();
        every.find(|persona| persona.name() == name)
    }

    /// The one that a Role of this program, or a shipped `ClusterRole`, is for.
    pub fn of_role(role: &str) -> Option<Self> {
        let mut every = Self::EVERY.into_iter();
        every.find(|persona| Part::of_role(*persona, role).is_some())
    }

    /// The service account that is made for it where none is named.
    pub fn account(self) -> String {
        format!("trainer-{}", self.name())
    }

    /// Whether it makes TrainJobs.
    pub fn submits(self) -> bool {
        let core = self.rules(Part::Core);
        let mut jobs = core.iter().filter(|rule| rule.resources == ["trainjobs"]);
        jobs.any(|rule| rule.verbs.contains(&"create"))
    }

    /// Whether it reads the cluster's runtimes.
    pub fn reads_cluster_runtimes(self) -> bool {
        self.column().is_some()
    }

    /// What this part allows the persona; nothing where the persona has no such part.
    pub fn rules(self, part: Part) -> Vec<Rule> {
        let Some(column) = self.column() else {
            return Vec::new();
        };
        let rows = TABLE.iter().filter(|row| row.0 == part);
        let rules = rows.map(|row| Rule {
            group: row.1,
            resources: row.2,
            verbs: row.3[column],
            names: match row.2 {
                OWN_NAMESPACE => Names::OfNamespace,
                SHIPPED_ROLES => Names::ShippedRoles,
                _ => Names::All,
            },
        });
        rules.filter(|rule| !rule.verbs.is_empty()).collect()
    }

    /// Whether its rules allow this on all objects, in a part that everybody of the persona has, or in another.
    pub fn part_with(self, verb: &str, group: &str, resource: &str) -> Option<Part> {
        Part::EVERY.into_iter().find(|part| {
            let mut rules = self.rules(*part).into_iter();
            rules.any(|rule| rule.allows(verb, group, resource))
        })
    }

    /// The same for one object, which its rules may name.
    pub fn part_with_object(
        self,
        (verb, group, resource): (&str, &str, &str),
        namespace: &str,
        name: &str,
    ) -> Option<Part> {
        Part::EVERY.into_iter().find(|part| {
            let mut rules = self.rules(*part).into_iter();
            rules
                .any(|rule| rule.includes(namespace, name) && rule.speaks_of(verb, group, resource))
        })
    }

    const fn column(self) -> Option<usize> {
        match self {
            Self::Viewer => Some(0),
            Self::Submitter => Some(1),
            Self::Ci => Some(2),
            Self::Admin => Some(3),
            Self::System => Some(4),
            Self::UserCode => None,
        }
    }
}

impl Part {
    pub const EVERY: [Self; 4] = [Self::Core, Self::Logs, Self::Diagnose, Self::Delegate];

    /// The part that a Role of the persona is for.
    pub(super) fn of_role(persona: Persona, role: &str) -> Option<Self> {
        let mut every = Self::EVERY.into_iter();
        every.find(|part| role_name(persona, *part) == role)
    }

    /// What the names of its Role and bindings have after the persona's.
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Core => "",
            Self::Logs => "-logs",
            Self::Diagnose => "-diagnose",
            Self::Delegate => "-delegate",
        }
    }
}

impl Rule {
    /// A rule about some objects allows nothing about all.
    pub fn allows(&self, verb: &str, group: &str, resource: &str) -> bool {
        self.names == Names::All && self.speaks_of(verb, group, resource)
    }

    fn speaks_of(&self, verb: &str, group: &str, resource: &str) -> bool {
        self.group == group && self.resources.contains(&resource) && self.verbs.contains(&verb)
    }

    fn includes(&self, namespace: &str, name: &str) -> bool {
        match self.names {
            Names::All => true,
            Names::OfNamespace => name == namespace,
            Names::ShippedRoles => SHIPPED.iter().any(|persona| shipped_role(*persona) == name),
        }
    }

    /// As a Role writes it.
    pub fn in_role(&self, namespace: &str) -> Value {
        let mut rule = json!({
            "apiGroups": [self.group],
            "resources": self.resources,
            "verbs": self.verbs,
        });
        match self.names {
            Names::All => {}
            Names::OfNamespace => rule["resourceNames"] = json!([namespace]),
            Names::ShippedRoles => {
                let names: Vec<_> = SHIPPED.iter().copied().map(shipped_role).collect();
                rule["resourceNames"] = json!(names);
            }
        }
        rule
    }
}

/// The Role of a part.
pub(super) fn role_name(persona: Persona, part: Part) -> String {
    format!("kubectl-trainer-{}{}", persona.name(), part.suffix())
}

/// The `ClusterRole` of a shipped persona.
pub fn shipped_role(persona: Persona) -> String {
    format!("kubectl-trainer-{}", persona.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARTS: [Part; 4] = [Part::Core, Part::Logs, Part::Diagnose, Part::Delegate];

    fn every_rule(persona: Persona) -> Vec<Rule> {
        let parts = PARTS.into_iter();
        parts.flat_map(|part| persona.rules(part)).collect()
    }

    #[test]
    fn nobody_gets_what_leads_to_more_rights() {
        let dangerous = [
            "secrets",
            "configmaps",
            "serviceaccounts",
            "pods/exec",
            "roles",
            "nodes",
            "clustertrainingruntimes",
        ];
        for persona in Persona::EVERY {
            for rule in every_rule(persona) {
                assert!(!rule.verbs.contains(&"*") && !rule.resources.contains(&"*"));
                assert!(!rule.verbs.contains(&"escalate") && !rule.verbs.contains(&"impersonate"));
                let found = rule.resources.iter().find(|it| dangerous.contains(it));
                assert_eq!(found, None, "{persona:?}");
                if rule.resources.contains(&"pods") {
                    let reads = rule.verbs.iter().all(|verb| READ.contains(verb));
                    assert!(reads, "{persona:?} writes pods");
                }
            }
        }
    }

    #[test]
    fn only_an_admin_passes_rights_on_and_only_the_shipped_ones() {
        for persona in Persona::EVERY {
            let delegates = every_rule(persona).iter().any(|rule| rule.group == RBAC);
            assert_eq!(delegates, persona == Persona::Admin, "{persona:?}");
        }
        let bind = Persona::Admin.rules(Part::Delegate)[1].in_role("team-a");
        assert_eq!(
            bind["resourceNames"],
            json!([
                "kubectl-trainer-viewer",
                "kubectl-trainer-submitter",
                "kubectl-trainer-admin"
            ])
        );
    }

    #[test]
    fn who_submits_is_everybody_but_a_viewer_and_training_code() {
        let submits = |persona: &Persona| persona.submits();
        let found: Vec<_> = Persona::EVERY.into_iter().filter(submits).collect();
        let expected = [
            Persona::Submitter,
            Persona::Ci,
            Persona::Admin,
            Persona::System,
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn training_code_has_no_rights() {
        assert!(every_rule(Persona::UserCode).is_empty());
        assert!(!Persona::UserCode.reads_cluster_runtimes());
    }

    #[test]
    fn everybody_who_reads_jobs_reads_the_namespaces_runtimes_too() {
        for persona in Persona::EVERY
            .into_iter()
            .filter(|it| *it != Persona::UserCode)
        {
            let core = persona.rules(Part::Core);
            let verbs = |resource| core.iter().find(|rule| rule.resources == [resource]);
            for verb in LOOK {
                assert!(verbs("trainjobs").unwrap().verbs.contains(verb));
                assert!(verbs("trainingruntimes").unwrap().verbs.contains(verb));
            }
        }
    }

    #[test]
    fn what_is_allowed_for_one_object_is_found_by_its_name() {
        let part = |deed, name| Persona::Admin.part_with_object(deed, "team-a", name);
        let get = ("get", "", "namespaces");
        assert_eq!(part(get, "team-a"), Some(Part::Core));
        assert_eq!(part(get, "team-b"), None);
        let bind = ("bind", RBAC, "clusterroles");
        assert_eq!(part(bind, "kubectl-trainer-viewer"), Some(Part::Delegate));
        assert_eq!(part(bind, "cluster-admin"), None);
        assert_eq!(part(("get", "", "pods"), "any"), Some(Part::Core));
    }

    #[test]
    fn the_own_namespace_is_read_by_its_name() {
        let core = Persona::Viewer.rules(Part::Core);
        let own = core.iter().find(|rule| rule.names == Names::OfNamespace);
        assert_eq!(
            own.unwrap().in_role("team-a"),
            json!({ "apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"],
                "resourceNames": ["team-a"] })
        );
    }
}
