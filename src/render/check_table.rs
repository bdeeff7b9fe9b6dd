//! A report for people: categories, one line a check, and below those that are not ok the reason and the mend.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Look,
    check::{Depth, Sheet, render_verdict},
};
use crate::{
    check::{
        Category, Finding, Level,
        report::{CheckResult, Report, State, Verdict},
    },
    cluster::MissingRule,
    prose::{self, turns_direction, width},
    style::{Role, Style},
};

/// Columns before a title: two blanks, the mark and the widest word, two blanks.
const INDENT: usize = 13;
/// Between a title and the fact beside it.
const GAP: usize = 2;

/// The longest report of a caller who may not look at everything; so much fits on a screen.
const SCREEN: usize = 25;

/// The report, ending with its verdict.
pub(super) fn render(sheet: &Sheet<'_>, depth: Depth, look: &Look) -> String {
    let is_limited = sheet.report.in_state(State::Unknown).next().is_some();
    let whole = |passed| {
        let body = render_body(sheet, depth, passed, look);
        format!("{body}\n{}", render_verdict_line(sheet, look))
    };
    let text = whole(Passed::Each);
    if depth == Depth::Folded && is_limited && rows(&text, look) > SCREEN {
        return whole(Passed::Together);
    }
    text
}

/// How many rows of the terminal a text takes: a command may need several.
fn rows(text: &str, look: &Look) -> usize {
    let columns = look.width.unwrap_or(usize::MAX);
    let of_line = |line: &str| width(line).div_ceil(columns).max(1);
    text.lines().map(of_line).sum()
}

/// What is not as it should be; empty where everything is. The full depth shows everything.
pub(super) fn render_troubles(sheet: &Sheet<'_>, depth: Depth, look: &Look) -> String {
    render_body(sheet, depth, Passed::Nowhere, look)
}

pub(super) fn render_verdict_line(sheet: &Sheet<'_>, look: &Look) -> String {
    let role = verdict_role(sheet.report.verdict());
    wrap(&paint(look.style, role, &render_verdict(sheet)), 0, look)
}

/// How checks that passed are shown where not everything is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Passed {
    Each,
    /// By their ids, on one line; those about the namespace still each.
    Together,
    Nowhere,
}

impl Passed {
    /// How many lines the ids, and the missing rules, of all unknown checks may take.
    const fn unknown_lines(self) -> (usize, usize) {
        match self {
            Self::Each | Self::Nowhere => (2, 6),
            Self::Together => (1, 3),
        }
    }

    fn hides(self, result: &CheckResult) -> bool {
        let passed = result.state == State::Ok;
        match self {
            Self::Each => false,
            Self::Together => passed && !result.category.is_of_namespace(),
            Self::Nowhere => passed,
        }
    }
}

fn render_body(sheet: &Sheet<'_>, depth: Depth, passed: Passed, look: &Look) -> String {
    let report = sheet.report;
    let mut text = String::new();
    let mut category = None;
    for result in in_display_order(report, depth)
        .into_iter()
        .filter(|result| depth == Depth::Full || !(is_folded(result) || passed.hides(result)))
    {
        if category != Some(result.category) {
            text.push_str(&render_heading(result.category, look));
            category = Some(result.category);
        }
        text.push_str(&render_result(result, depth, sheet, look));
    }
    if depth == Depth::Folded {
        if passed == Passed::Together {
            text.push_str(&render_passed(report, look));
        }
        text.push_str(&render_unknown(sheet, passed, look));
        text.push_str(&render_skipped(report, look));
    }
    text
}

/// The catalogue's order; but who may not look at everything sees first what is about the own namespace.
fn in_display_order(report: &Report, depth: Depth) -> Vec<&CheckResult> {
    let mut results: Vec<_> = report.results.iter().collect();
    if depth == Depth::Folded && report.in_state(State::Unknown).next().is_some() {
        results.sort_by_key(|result| !result.category.is_of_namespace());
    }
    results
}

/// All checks that passed, but for those about the namespace, as one.
fn render_passed(report: &Report, look: &Look) -> String {
    let passed = report.results.iter();
    let passed = passed.filter(|result| Passed::Together.hides(result));
    let ids: Vec<_> = passed.map(|result| result.id.0.to_owned()).collect();
    if ids.is_empty() {
        return String::new();
    }
    let heading = paint(look.style, Role::Strong, "As it should be");
    format!(
        "{heading}\n{}",
        render_line(State::Ok, &ids.join(", "), look)
    )
}

/// What many checks have in common is said once, at the end; what was found all the same, where it was found.
fn is_folded(result: &CheckResult) -> bool {
    let mut findings = result.findings.iter();
    match result.state {
        State::Skipped => result.skipped_for.is_some(),
        State::Unknown => findings.all(|finding| finding.level == Level::Unknown),
        State::Ok | State::Warning | State::Failed => false,
    }
}

fn render_heading(category: Category, look: &Look) -> String {
    format!("{}\n", paint(look.style, Role::Strong, category.title()))
}

fn render_result(result: &CheckResult, depth: Depth, sheet: &Sheet<'_>, look: &Look) -> String {
    let mut text = match depth {
        Depth::Folded => render_line(
            result.state,
            &render_title(result, sheet.report, look),
            look,
        ),
        Depth::Full => render_line(
            result.state,
            &format!("{}  {}", result.id, result.title),
            look,
        ),
    };
    let is_said_at_the_end = |finding: &Finding| {
        (depth, result.state, finding.level) == (Depth::Folded, State::Unknown, Level::Unknown)
    };
    for finding in &result.findings {
        if !is_said_at_the_end(finding) {
            text.push_str(&render_finding(finding, depth, look));
        }
    }
    if depth == Depth::Full {
        result
            .facts
            .iter()
            .for_each(|fact| text.push_str(&render_muted(fact, look)));
    }
    if !matches!(result.state, State::Ok | State::Skipped) {
        text.push_str(&render_advice(result, sheet.program, look));
    }
    text
}

/// The title, and beside it the first fact if there is room.
fn render_title(result: &CheckResult, report: &Report, look: &Look) -> String {
    let column = report
        .results
        .iter()
        .map(|result| width(result.title))
        .max()
        .unwrap_or_default();
    let room = look.width.map_or(usize::MAX, |width| {
        width.saturating_sub(INDENT + column + GAP)
    });
    match result
        .facts
        .first()
        .filter(|fact| width(fact) <= room && result.state == State::Ok)
    {
        Some(fact) => format!(
            "{:column$}{:GAP$}{}",
            result.title,
            "",
            paint(look.style, Role::Muted, fact)
        ),
        None => result.title.to_owned(),
    }
}

fn render_finding(finding: &Finding, depth: Depth, look: &Look) -> String {
    let role = match finding.level {
        Level::Failed => Role::Bad,
        Level::Warning => Role::Warning,
        Level::Unknown | Level::Skipped => Role::Muted,
    };
    let reason = paint(look.style, role, finding.reason.code);
    let mut text = wrap(
        &format!("{reason}: {}", printable(&finding.detail)),
        INDENT,
        look,
    );
    if let Some(advice) = &finding.advice {
        text.push_str(&wrap(&format!("hint: {}", printable(advice)), INDENT, look));
    }
    if let Some(mend) = &finding.mend {
        let label = if finding.level == Level::Unknown {
            "ask: "
        } else {
            "mend:"
        };
        text.push_str(&match depth {
            Depth::Folded if is_long(mend, look) => render_long_command(label, mend, look),
            Depth::Folded | Depth::Full => render_command(label, mend, look),
        });
    }
    text
}

/// Rows of a terminal that one command may take before a folded report only says that it is there.
const COMMAND_ROWS: usize = 5;

fn is_long(command: &str, look: &Look) -> bool {
    look.width
        .is_some_and(|columns| width(command) > columns * COMMAND_ROWS)
}

/// A command that would push the report off the screen.
fn render_long_command(label: &str, command: &str, look: &Look) -> String {
    let text = format!(
        "{label} one command of {} characters, shown with -v",
        width(command)
    );
    wrap(&text, INDENT, look)
}

fn render_advice(result: &CheckResult, program: &str, look: &Look) -> String {
    let helpless = |finding: &Finding| finding.mend.is_none() && finding.advice.is_none();
    let hint = if result.findings.iter().all(helpless) {
        wrap(&format!("hint: {}", result.hint), INDENT, look)
    } else {
        String::new()
    };
    format!(
        "{hint}{}",
        render_command("see: ", &explain_command(result, program), look)
    )
}

/// Where the check's page is.
pub(super) fn explain_command(result: &CheckResult, program: &str) -> String {
    format!("{program} explain {}", result.id)
}

/// Commands are never broken into lines: they are made to be pasted.
fn render_command(label: &str, command: &str, look: &Look) -> String {
    format!(
        "{:INDENT$}{label} {}\n",
        "",
        paint(look.style, Role::Command, &printable(command))
    )
}

fn render_muted(text: &str, look: &Look) -> String {
    format!(
        "{:INDENT$}{}\n",
        "",
        paint(look.style, Role::Muted, &printable(text))
    )
}

/// All unknown checks as one, with the rules that are missing.
fn render_unknown(sheet: &Sheet<'_>, passed: Passed, look: &Look) -> String {
    let unknown: Vec<_> = sheet.report.in_state(State::Unknown).collect();
    let Some(first) = unknown.first() else {
        return String::new();
    };
    let ids: Vec<_> = unknown.iter().map(|result| result.id.to_string()).collect();
    let findings = unknown.iter().flat_map(|result| &result.findings);
    let findings: Vec<_> = findings
        .filter(|finding| finding.level == Level::Unknown)
        .collect();
    let rules = findings
        .iter()
        .filter_map(|finding| finding.missing_rule.as_deref());
    let (id_lines, rule_lines) = passed.unknown_lines();
    let mut text = format!("{}\n", paint(look.style, Role::Strong, "Not looked at"));
    text.push_str(&render_line(
        State::Unknown,
        &fitting("", &ids, ", ", id_lines, look),
        look,
    ));
    text.push_str(&wrap(
        &fitting(
            "NotAllowed: you may not ",
            &render_rules(rules),
            "; ",
            rule_lines,
            look,
        ),
        INDENT,
        look,
    ));
    if let Some(question) = findings.iter().find_map(|finding| finding.mend.as_ref()) {
        text.push_str(&render_command("ask: ", question, look));
    }
    text.push_str(&render_command(
        "see: ",
        &explain_command(first, sheet.program),
        look,
    ));
    text
}

/// As many items as fit into so many lines, and how many more there are.
fn fitting(start: &str, items: &[String], separator: &str, lines: usize, look: &Look) -> String {
    let with = |count: usize| {
        let shown = items[..count].join(separator);
        match items.len() - count {
            0 => format!("{start}{shown}"),
            rest => format!("{start}{shown}{separator}and {rest} more, with -v"),
        }
    };
    let counts = (1..=items.len()).rev();
    let mut texts = counts.map(with);
    let fits = |text: &String| wrap(text, INDENT, look).lines().count() <= lines;
    texts.find(fits).unwrap_or_else(|| with(items.len().min(1)))
}

/// Rules by place and verbs, the widest first: `get, list pods, secrets in namespace a`.
fn render_rules<'a>(rules: impl Iterator<Item = &'a MissingRule>) -> Vec<String> {
    let mut verbs: BTreeMap<(Option<&str>, String), BTreeSet<&str>> = BTreeMap::new();
    for rule in rules {
        let object = (rule.namespace.as_deref(), rule.full_resource());
        verbs.entry(object).or_default().insert(&rule.verb);
    }
    let mut resources: BTreeMap<(Option<&str>, BTreeSet<&str>), Vec<String>> = BTreeMap::new();
    for ((namespace, resource), verbs) in verbs {
        resources
            .entry((namespace, verbs))
            .or_default()
            .push(resource);
    }
    let words = resources
        .into_iter()
        .map(|((namespace, verbs), resources)| {
            let verbs: Vec<_> = verbs.into_iter().collect();
            let place = namespace.map_or("at the cluster scope".to_owned(), |namespace| {
                format!("in namespace {namespace}")
            });
            format!("{} {} {place}", verbs.join(", "), resources.join(", "))
        });
    words.collect()
}

/// All skipped checks, one line for each check that they wait for.
fn render_skipped(report: &Report, look: &Look) -> String {
    let mut waiting: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for result in report.in_state(State::Skipped).filter(|it| is_folded(it)) {
        waiting
            .entry(result.skipped_for)
            .or_default()
            .push(result.id.0);
    }
    if waiting.is_empty() {
        return String::new();
    }
    let mut text = format!("{}\n", paint(look.style, Role::Strong, "Not made"));
    for (root, ids) in waiting {
        let ids = match report.verdict() {
            // Then it is all the others, and their names say nothing.
            Verdict::Unreachable if ids.len() > 1 => format!("{} other checks", ids.len()),
            _ => ids.join(", "),
        };
        let root = root.map_or("a check that they need", |root| root.0);
        let line = format!("because {root} failed: {ids}");
        text.push_str(&render_line(State::Skipped, &line, look));
    }
    text
}

/// Two blanks, mark and word in the state's colour, then the text, broken where the terminal ends.
fn render_line(state: State, text: &str, look: &Look) -> String {
    let (words, role) = mark(state);
    let label = paint(look.style, role, &words);
    let padding = INDENT - 4 - width(state.word());
    let body = wrap(text, INDENT, look);
    format!("  {label}{:padding$}{}", "", body.trim_start_matches(' '))
}

/// A state's mark and word, and their role.
pub(super) fn mark(state: State) -> (String, Role) {
    let (mark, role) = match state {
        State::Ok => ("✓", Role::Good),
        State::Warning => ("!", Role::Warning),
        State::Failed => ("✗", Role::Bad),
        State::Unknown => ("?", Role::Warning),
        State::Skipped => ("-", Role::Muted),
    };
    (format!("{mark} {}", state.word()), role)
}

const fn verdict_role(verdict: Verdict) -> Role {
    match verdict {
        Verdict::Healthy => Role::Good,
        Verdict::Warnings | Verdict::Unknown => Role::Warning,
        Verdict::Unhealthy | Verdict::Unreachable => Role::Bad,
    }
}

fn paint(style: Style, role: Role, text: &str) -> String {
    style.paint(role, text)
}

/// Lines that fit, each after `indent` blanks.
fn wrap(text: &str, indent: usize, look: &Look) -> String {
    prose::wrap(text, indent, look.width)
}

/// Text from the cluster on one line: line breaks become blanks, other control characters go.
fn printable(text: &str) -> String {
    let characters = text.chars().map(|character| {
        if character.is_whitespace() {
            ' '
        } else {
            character
        }
    });
    characters
        .filter(|character| !character.is_control() && !turns_direction(*character))
        .collect()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use snapbox::{assert_data_eq, str};

    use super::*;
    use crate::check::{
        CheckId, Finding, NOT_ALLOWED, PREREQUISITE_FAILED, Question, Reason, Retry, Severity,
        selection::Strictness,
    };

    const SCALED: Reason = Reason {
        code: "ScaledToZero",
        meaning: "",
        mend: "",
    };

    fn result(
        id: &'static str,
        category: Category,
        title: &'static str,
        state: State,
    ) -> CheckResult {
        CheckResult {
            id: CheckId(id),
            category,
            title,
            hint: "look at the controllers' pods".into(),
            severity: Severity::Error,
            requires: &[],
            retry: Retry::UntilDeadline,
            state,
            findings: Vec::new(),
            facts: Vec::new(),
            skipped_for: None,
        }
    }

    fn ok(id: &'static str, category: Category, title: &'static str, fact: &str) -> CheckResult {
        CheckResult {
            facts: vec![fact.to_owned(), "a second fact".to_owned()],
            ..result(id, category, title, State::Ok)
        }
    }

    fn unknown(id: &'static str, resource: &str, namespace: Option<&str>) -> CheckResult {
        let rule = MissingRule {
            verb: "get".to_owned(),
            resource: resource.to_owned(),
            namespace: namespace.map(str::to_owned),
            ..MissingRule::default()
        };
        let finding = Finding {
            level: Level::Unknown,
            missing_rule: Some(Box::new(rule.clone())),
            ..Finding::failed(&NOT_ALLOWED, "you may not look")
        };
        CheckResult {
            findings: vec![finding.mended_by(rule.question())],
            ..result(id, Category::Webhooks, "It may be seen", State::Unknown)
        }
    }

    /// One check in each state.
    fn results() -> Vec<CheckResult> {
        let scaled = Finding::failed(
            &SCALED,
            "Deployment kubeflow-system/jobset-controller-manager asks for 0\n\u{7}replicas",
        );
        let odd = Finding::warning(&SCALED, "odd, and there is no command for it");
        vec![
            ok("TRN-API", Category::Cluster, "The API server answers", "v1.36.4"),
            CheckResult {
                findings: vec![scaled.mended_by("kubectl -n kubeflow-system scale deployment/jobset-controller-manager --replicas=1")],
                ..result("TRN-DEPLOYMENTS", Category::Controllers, "The controllers run", State::Failed)
            },
            CheckResult {
                findings: vec![odd],
                ..result("TRN-ODD", Category::Controllers, "Nothing is odd", State::Warning)
            },
            CheckResult {
                skipped_for: Some(CheckId("TRN-DEPLOYMENTS")),
                findings: vec![Finding::failed(&PREREQUISITE_FAILED, "needs TRN-DEPLOYMENTS, which failed")],
                ..result("TRN-ENDPOINTS", Category::Controllers, "Services lead to pods", State::Skipped)
            },
            unknown("TRN-CERTIFICATES", "secrets", Some("kubeflow-system")),
            unknown("TRN-CA-BUNDLES", "namespaces", None),
        ]
    }

    fn rendered(
        results: Vec<CheckResult>,
        depth: Depth,
        width: Option<usize>,
        style: Style,
    ) -> String {
        let report = Report {
            question: Question::Healthy,
            results,
            gates: &[],
            left_out: Vec::new(),
            strictness: Strictness::Lenient,
        };
        let sheet = Sheet {
            report: &report,
            program: "kubectl trainer",
            context: "kind-ml",
            server: "https://127.0.0.1:6443",
            namespace: "default",
            holder: "",
            exit_code: 1,
        };
        render(
            &sheet,
            depth,
            &Look {
                style,
                width,
                ..Look::plain(Timestamp::UNIX_EPOCH)
            },
        )
    }

    #[test]
    fn every_state_has_its_place_and_its_words() {
        assert_data_eq!(
            rendered(results(), Depth::Folded, None, Style::Plain),
            str![[r#"
Cluster
  ✓ ok       The API server answers  v1.36.4
Controllers
  ✗ failed   The controllers run
             ScaledToZero: Deployment kubeflow-system/jobset-controller-manager asks for 0 replicas
             mend: kubectl -n kubeflow-system scale deployment/jobset-controller-manager --replicas=1
             see:  kubectl trainer explain TRN-DEPLOYMENTS
  ! warning  Nothing is odd
             ScaledToZero: odd, and there is no command for it
             hint: look at the controllers' pods
             see:  kubectl trainer explain TRN-ODD
Not looked at
  ? unknown  TRN-CERTIFICATES, TRN-CA-BUNDLES
             NotAllowed: you may not get namespaces at the cluster scope; get secrets in namespace kubeflow-system
             ask:  kubectl auth can-i get secrets -n kubeflow-system
             see:  kubectl trainer explain TRN-CERTIFICATES
Not made
  - skipped  because TRN-DEPLOYMENTS failed: TRN-ENDPOINTS

Kubeflow Trainer on context kind-ml is not healthy: 1 failed (TRN-DEPLOYMENTS), 2 unknown, 1 warning (TRN-ODD), 1 skipped, 1 ok.

"#]]
        );
    }

    #[test]
    fn what_a_check_found_is_shown_though_it_could_not_look_at_everything() {
        let mut half_seen = unknown("TRN-LEGACY-V1", "deployments", None);
        let odd = Finding::warning(&SCALED, "an old API is served").mended_by("kubectl get old");
        half_seen.findings.push(odd);
        let results = vec![
            half_seen,
            unknown("TRN-CERTIFICATES", "secrets", Some("kubeflow-system")),
        ];
        assert_data_eq!(
            rendered(results, Depth::Folded, None, Style::Plain),
            str![[r#"
Webhooks
  ? unknown  It may be seen
             ScaledToZero: an old API is served
             mend: kubectl get old
             see:  kubectl trainer explain TRN-LEGACY-V1
Not looked at
  ? unknown  TRN-LEGACY-V1, TRN-CERTIFICATES
             NotAllowed: you may not get deployments at the cluster scope; get secrets in namespace kubeflow-system
             ask:  kubectl auth can-i get deployments --all-namespaces
             see:  kubectl trainer explain TRN-LEGACY-V1

Nothing is known to be wrong with Kubeflow Trainer on context kind-ml, but you may not look at everything: 2 unknown.

"#]]
        );
    }

    #[test]
    fn eighty_columns_break_sentences_and_never_commands() {
        assert_data_eq!(
            rendered(results(), Depth::Folded, Some(80), Style::Plain),
            str![[r#"
Cluster
  ✓ ok       The API server answers  v1.36.4
Controllers
  ✗ failed   The controllers run
             ScaledToZero: Deployment kubeflow-system/jobset-controller-manager
             asks for 0 replicas
             mend: kubectl -n kubeflow-system scale deployment/jobset-controller-manager --replicas=1
             see:  kubectl trainer explain TRN-DEPLOYMENTS
  ! warning  Nothing is odd
             ScaledToZero: odd, and there is no command for it
             hint: look at the controllers' pods
             see:  kubectl trainer explain TRN-ODD
Not looked at
  ? unknown  TRN-CERTIFICATES, TRN-CA-BUNDLES
             NotAllowed: you may not get namespaces at the cluster scope; get
             secrets in namespace kubeflow-system
             ask:  kubectl auth can-i get secrets -n kubeflow-system
             see:  kubectl trainer explain TRN-CERTIFICATES
Not made
  - skipped  because TRN-DEPLOYMENTS failed: TRN-ENDPOINTS

Kubeflow Trainer on context kind-ml is not healthy: 1 failed (TRN-DEPLOYMENTS),
2 unknown, 1 warning (TRN-ODD), 1 skipped, 1 ok.

"#]]
        );
    }

    #[test]
    fn the_full_depth_shows_every_check_with_all_that_was_seen() {
        assert_data_eq!(
            rendered(results(), Depth::Full, None, Style::Plain),
            str![[r#"
Cluster
  ✓ ok       TRN-API  The API server answers
             v1.36.4
             a second fact
Controllers
  ✗ failed   TRN-DEPLOYMENTS  The controllers run
             ScaledToZero: Deployment kubeflow-system/jobset-controller-manager asks for 0 replicas
             mend: kubectl -n kubeflow-system scale deployment/jobset-controller-manager --replicas=1
             see:  kubectl trainer explain TRN-DEPLOYMENTS
  ! warning  TRN-ODD  Nothing is odd
             ScaledToZero: odd, and there is no command for it
             hint: look at the controllers' pods
             see:  kubectl trainer explain TRN-ODD
  - skipped  TRN-ENDPOINTS  Services lead to pods
             PrerequisiteFailed: needs TRN-DEPLOYMENTS, which failed
Webhooks
  ? unknown  TRN-CERTIFICATES  It may be seen
             NotAllowed: you may not look
             ask:  kubectl auth can-i get secrets -n kubeflow-system
             see:  kubectl trainer explain TRN-CERTIFICATES
  ? unknown  TRN-CA-BUNDLES  It may be seen
             NotAllowed: you may not look
             ask:  kubectl auth can-i get namespaces --all-namespaces
             see:  kubectl trainer explain TRN-CA-BUNDLES

Kubeflow Trainer on context kind-ml is not healthy: 1 failed (TRN-DEPLOYMENTS), 2 unknown, 1 warning (TRN-ODD), 1 skipped, 1 ok.

"#]]
        );
    }

    #[test]
    fn colours_change_no_column() {
        let plain = rendered(results(), Depth::Folded, Some(100), Style::Plain);
        let coloured = rendered(results(), Depth::Folded, Some(100), Style::Coloured);
        assert!(coloured.contains("\u{1b}[31m") || coloured.contains("\u{1b}[1m"));
        let mut bare = String::new();
        let mut inside = false;
        for character in coloured.chars() {
            match character {
                '\u{1b}' => inside = true,
                'm' if inside => inside = false,
                _ if inside => {}
                other => bare.push(other),
            }
        }
        assert_eq!(bare, plain);
    }

    #[test]
    fn a_command_that_would_fill_the_screen_is_shown_in_full_only() {
        let grant = format!("echo '{}' | kubectl auth reconcile -f -", "x".repeat(500));
        let lacking = Finding::failed(&SCALED, "you may not train here").mended_by(&grant);
        let results = vec![CheckResult {
            findings: vec![lacking],
            ..result(
                "TRN-NS-ACCESS",
                Category::Namespace,
                "You may train",
                State::Failed,
            )
        }];
        let folded = rendered(results.clone(), Depth::Folded, Some(80), Style::Plain);
        assert!(
            folded.contains("mend: one command of 537 characters, shown with -v\n"),
            "{folded}"
        );
        for (depth, width) in [(Depth::Full, Some(80)), (Depth::Folded, None)] {
            let text = rendered(results.clone(), depth, width, Style::Plain);
            assert!(text.contains(&grant), "{text}");
        }
    }

    #[test]
    fn a_healthy_report_is_short() {
        let healthy = vec![
            ok(
                "TRN-API",
                Category::Cluster,
                "The API server answers",
                "v1.36.4",
            ),
            ok(
                "TRN-RUNTIMES",
                Category::Runtimes,
                "The runtimes are there",
                "all 8 of release 2.3.0",
            ),
        ];
        assert_data_eq!(
            rendered(healthy, Depth::Folded, Some(60), Style::Plain),
            str![[r#"
Cluster
  ✓ ok       The API server answers  v1.36.4
Training runtimes
  ✓ ok       The runtimes are there  all 8 of release 2.3.0

Kubeflow Trainer on context kind-ml is healthy: all 2 checks
passed.

"#]]
        );
    }
}
