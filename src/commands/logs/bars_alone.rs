//! `progress -w`: a job is followed as by `logs -f`, and only how far it is is shown. Nobody needs to hear all of a
//! thousand nodes for that, nor to have the right to.

use super::{
    Run,
    arguments::{LogsArgs, ProgressWish, SourceArgs},
    ending::forbidden,
    sheet::Lines,
};
use crate::{
    cluster::{Access, AccessAnswer, Cluster, Follow, ListedJob, fetch_job},
    commands::{
        CommandContext, job_name::fetch_job_name, progress::fetch_beginning,
        signals::wait_for_signal,
    },
    error::CommandError,
    logs::Footing,
    progress::excerpt::Excerpt,
    train_job::leading_steps,
    ui::Ui,
};

/// Follows until the job is over, and ends as `logs -f` does.
pub(in crate::commands) async fn follow_progress(
    ui: &mut Ui,
    context: &CommandContext,
    typed: Option<&str>,
    wish: ProgressWish,
) -> Result<(), CommandError> {
    let found = tokio::select! {
        found = find(context, typed) => found?,
        kind = wait_for_signal() => return Err(CommandError::silent(kind)),
    };
    let Found {
        cluster,
        job,
        voices,
    } = found;
    let (sources, said_first) = match voices {
        Voices::Of { steps, said_first } => (SourceArgs::of_steps(steps), said_first),
        Voices::Forbidden => {
            say_forbidden(ui, &cluster);
            (SourceArgs::of_nobody(), None)
        }
    };
    let args = LogsArgs::for_progress(wish, sources);
    let run = Run {
        context,
        args: &args,
        follow: Follow::Yes,
        lines: Lines::Hidden,
        said_first,
    };
    let footing = Footing::new(&cluster);
    run.read(
        ui,
        super::Found {
            cluster,
            job,
            footing,
        },
    )
    .await
}

/// The job, and who is heard of it.
struct Found {
    cluster: Cluster,
    job: String,
    voices: Voices,
}

/// Whose logs are read.
enum Voices {
    Of {
        /// All where none is named.
        steps: Vec<String>,
        /// What stands before the lines that are read.
        said_first: Option<Excerpt>,
    },
    /// The caller may read none. What the cluster knows of the job is shown all the same.
    Forbidden,
}

async fn find(context: &CommandContext, typed: Option<&str>) -> Result<Found, CommandError> {
    let cluster = context.connect().await?;
    let job = fetch_job_name(&cluster, typed).await?;
    let namespace = cluster.namespace().to_owned();
    let seen = ListedJob {
        observation: fetch_job(&cluster, &namespace, &job).await?,
        namespace,
    };
    let voices = if may_read_logs(&cluster).await {
        Voices::Of {
            steps: leading_steps(&seen.observation),
            said_first: fetch_beginning(&cluster, &seen).await,
        }
    } else {
        Voices::Forbidden
    };
    Ok(Found {
        cluster,
        job,
        voices,
    })
}

/// Where it is not known, it is tried.
async fn may_read_logs(cluster: &Cluster) -> bool {
    let access = Access {
        verb: "get",
        group: "",
        resource: "pods/log",
        namespace: Some(cluster.namespace()),
    };
    let answer = cluster.fetch_own_access(&access).await;
    !matches!(answer, Ok(AccessAnswer::Denied(_)))
}

fn say_forbidden(ui: &mut Ui, cluster: &Cluster) {
    let error = forbidden(cluster.namespace(), &cluster.target().kubectl());
    for text in error.chain() {
        ui.warning(&format!("only what the cluster knows is shown: {text}"));
    }
    for hint in error.hints() {
        ui.hint(hint);
    }
}
