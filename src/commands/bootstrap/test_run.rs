//! `bootstrap --test-run`: whether what was made is enough, tried by a real training with nothing but a new credential.

use std::{path::PathBuf, pin::pin, time::Duration};

use super::{BootstrapArgs, Intention};
use crate::{
    check::{
        CheckId,
        engine::{Limits, prove, try_out},
        report::Report,
        selection::{NamespaceView, Selection, Trials, Wishes},
        trainer::{
            API, CATALOGUE, DEEP_DRY_RUNS, DEEP_LEFTOVERS, DEEP_TRAINING, IDENTITY, NS_ACCESS,
            NS_EXISTS, TrainerContext,
        },
    },
    cluster::{AccountName, Attendance, Cluster, ConnectionOptions},
    commands::{
        CommandContext,
        access::{Lent, lend},
        check_notes::CheckNotes,
        signals::{until_signal, wait_for_signal},
        trial::Trying,
        verify::{CHECK_LIMIT, error_kind},
    },
    error::{CommandError, ErrorKind},
    render::check::{Depth, ReportFormat, Sheet, render_reports},
    ui::Ui,
};

/// What was just granted holds a moment later, and a policy some seconds.
const GRANTED_LIMIT: Duration = Duration::from_secs(20);
/// What is asked; of the installation only as much as the trial itself shows.
const ASKED: [CheckId; 5] = [
    NS_EXISTS,
    NS_ACCESS,
    DEEP_LEFTOVERS,
    DEEP_DRY_RUNS,
    DEEP_TRAINING,
];
const GATES: [CheckId; 2] = [API, IDENTITY];

/// A test run that is to be made.
pub(super) struct Plan {
    account: AccountName,
    namespace: String,
    /// The file that was written for the account; without one the credential is made for the test run alone.
    file: Option<PathBuf>,
}

/// Decided before anything is made: somebody has to be there who may train.
pub(super) fn plan(
    args: &BootstrapArgs,
    intention: &Intention<'_>,
    context: &CommandContext,
) -> Result<Option<Plan>, CommandError> {
    if !args.test_run {
        return Ok(None);
    }
    let refuse = |message: String, hint: String| {
        Err(CommandError::new(ErrorKind::Usage, message).with_hint(hint))
    };
    let namespace = intention.namespace().to_owned();
    let program = context.display_name();
    match intention.tester() {
        Some((account, persona)) if persona.submits() => Ok(Some(Plan {
            account: account.clone(),
            namespace,
            file: args.file.clone(),
        })),
        Some((_, persona)) => refuse(
            format!(
                "--test-run makes a training, which the persona {} may not",
                persona.name()
            ),
            format!("leave it out; what the account may do: {program} access list -n {namespace}"),
        ),
        None => refuse(
            "--test-run logs in as a service account, and none is named: people log in themselves"
                .to_owned(),
            format!("leave it out; they try it themselves: {program} verify --deep -n {namespace}"),
        ),
    }
}

impl Plan {
    /// The trial as the account, and its report. A credential that was made for it alone is taken back.
    pub(super) async fn carry_out(
        self,
        ui: &mut Ui,
        context: &CommandContext,
        args: &BootstrapArgs,
    ) -> Result<(), CommandError> {
        let caller = until_signal(async { Ok(context.connect().await?) }).await?;
        let lent = self.borrow(ui, context, args, &caller).await?;
        let tried = match until_signal(self.log_in(context, lent.as_ref())).await {
            Ok(cluster) => {
                let tried = self.attempt(ui, (context, args), &caller, cluster.clone());
                tried.await.map(|report| (cluster, report))
            }
            Err(error) => Err(error),
        };
        if let Some(lent) = lent {
            lent.take_back(ui, context).await;
        }
        let (cluster, report) = tried?;
        let report = report.with_kubectl(caller.target());
        self.show(ui, context, (&cluster, &report))
    }

    /// A credential for the test run alone, where no file has one. A signal meanwhile is heeded when it is clear whether
    /// there is something to take back.
    async fn borrow(
        &self,
        ui: &mut Ui,
        context: &CommandContext,
        args: &BootstrapArgs,
        caller: &Cluster,
    ) -> Result<Option<Lent>, CommandError> {
        if self.file.is_some() {
            return Ok(None);
        }
        let AccountName { namespace, name } = &self.account;
        let there = caller.clone().in_namespace(namespace.clone());
        let mut signal = pin!(wait_for_signal());
        let lent = {
            let mut lending = pin!(lend(ui, context, there, name, args.trial.limit()));
            tokio::select! {
                biased;
                lent = &mut lending => return lent.map(Some),
                kind = &mut signal => (lending.await, kind),
            }
        };
        let (lent, kind) = lent;
        if let Ok(lent) = lent {
            lent.take_back(ui, context).await;
        }
        Err(CommandError::silent(kind))
    }

    /// A connection by the new credential alone.
    async fn log_in(
        &self,
        context: &CommandContext,
        lent: Option<&Lent>,
    ) -> Result<Cluster, CommandError> {
        let mut options = ConnectionOptions {
            attendance: Attendance::Unattended,
            request_timeout: context.options().request_timeout,
            request_log: context.options().request_log.clone(),
            ..ConnectionOptions::default()
        };
        options.kubeconfig.clone_from(&self.file);
        options.kubeconfig_text = lent.map(|lent| lent.kubeconfig.clone());
        let cluster = Cluster::connect(&options).await?;
        Ok(cluster.in_namespace(self.namespace.clone()))
    }

    async fn attempt(
        &self,
        ui: &mut Ui,
        (context, args): (&CommandContext, &BootstrapArgs),
        caller: &Cluster,
        cluster: Cluster,
    ) -> Result<Report, CommandError> {
        let AccountName { namespace, name } = &self.account;
        ui.note(&format!(
            "Test run as service account {namespace}/{name}, with nothing but a new credential."
        ));
        let selection = selection()?;
        let notes = CheckNotes::new(ui);
        let trying = Trying::new(cluster.clone(), &args.trial);
        let trial = trying.trial.clone();
        let work = async {
            let mut observer = notes.of_cluster(0, "");
            let limits = Limits {
                check: CHECK_LIMIT,
                wait: Some(GRANTED_LIMIT),
            };
            let looked = prove(&selection, &limits, &mut observer, || {
                TrainerContext::new(Ok(cluster.clone()), self.namespace.clone(), context.now())
            });
            let looked = looked.await;
            let trying = TrainerContext::trying(trial, context.now());
            let limit = args.trial.limit();
            try_out(&selection, looked, limit, &mut observer, &trying).await
        };
        trying.carry_through(caller.target(), &notes, work).await
    }

    fn show(
        &self,
        ui: &mut Ui,
        context: &CommandContext,
        (cluster, report): (&Cluster, &Report),
    ) -> Result<(), CommandError> {
        let kind = error_kind(report.verdict());
        let sheet = Sheet {
            report,
            program: context.display_name(),
            context: "",
            server: cluster.server(),
            namespace: &self.namespace,
            holder: "",
            exit_code: kind.map_or(0, ErrorKind::exit_code),
        };
        let text = render_reports(
            ReportFormat::Table(Depth::Full),
            &[sheet],
            &context.look(ui),
        );
        ui.answer(&format!("\n{text}"))?;
        match kind {
            None => Ok(()),
            Some(_) => Err(CommandError::silent(ErrorKind::Failed)),
        }
    }
}

fn selection() -> Result<Selection<TrainerContext>, CommandError> {
    let named = |id: &CheckId| id.0.to_owned();
    let only: Vec<_> = ASKED.iter().map(named).collect();
    let checks = CATALOGUE.checks.iter().map(|check| check.id);
    let is_asked = |id: &CheckId| ASKED.contains(id) || GATES.contains(id);
    let skip = checks.filter(|id| !is_asked(id)).map(|id| named(&id));
    let skip: Vec<_> = skip.collect();
    let wishes = Wishes {
        only: &only,
        skip: &skip,
        namespace: NamespaceView::On,
        trials: Trials::On,
        ..Wishes::default()
    };
    let selection = CATALOGUE.select(&wishes);
    selection.map_err(|fault| CommandError::new(ErrorKind::Failed, fault))
}
