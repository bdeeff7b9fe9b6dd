//! `access install-roles`: the roles that a cluster's administrator installs once.

use crate::{
    access::shipped_roles::{Aggregation, kubeflow_parents, shipped_roles},
    apply::{Existing, Wanted},
    commands::{
        CommandContext,
        applying::{ApplyArgs, Extent, wanted},
    },
    error::CommandError,
    ui::Ui,
};

/// Install the cluster's roles for training, once
///
/// Makes the cluster's roles kubectl-trainer-viewer, -submitter and -admin, and adds them to roles that people already
/// hold, so that whoever may view, edit or administer a namespace may do so with its TrainJobs too. Roles that are
/// there from elsewhere are not changed. A second run changes nothing.
#[derive(clap::Args, Debug)]
pub(super) struct InstallRolesArgs {
    /// Whose holders get these rights too; may be repeated, or a list with commas
    #[arg(
        long,
        value_name = "kubernetes|kubeflow|none",
        value_delimiter = ',',
        value_parser = parse_family,
        default_value = "kubernetes"
    )]
    aggregate: Vec<Aggregation>,
    #[command(flatten)]
    apply: ApplyArgs,
}

pub(super) async fn run(
    ui: &mut Ui,
    context: &CommandContext,
    args: &InstallRolesArgs,
) -> Result<(), CommandError> {
    let wanted = roles(&args.aggregate);
    if args.apply.extent() == Extent::Offline {
        return args.apply.answer_offline(ui, context, &wanted, &[]);
    }
    let cluster = context.connect().await?;
    args.apply.carry_out(ui, context, &cluster, wanted).await?;
    if args.apply.extent() == Extent::Write && !args.apply.is_for_programs() {
        ui.note(&format!(
            "Next: give a namespace what training needs: {} bootstrap NAMESPACE",
            context.display_name()
        ));
    }
    Ok(())
}

/// Kubeflow's own parents are made where Kubeflow has not made them.
fn roles(aggregations: &[Aggregation]) -> Vec<Wanted> {
    let shipped = shipped_roles(aggregations).into_iter().map(wanted);
    let parents = if aggregations.contains(&Aggregation::Kubeflow) {
        kubeflow_parents()
    } else {
        Vec::new()
    };
    let parents = parents.into_iter().map(|manifest| Wanted {
        manifest,
        existing: Existing::IsKept,
    });
    shipped.chain(parents).collect()
}

fn parse_family(text: &str) -> Result<Aggregation, String> {
    match text {
        "kubernetes" => Ok(Aggregation::Kubernetes),
        "kubeflow" => Ok(Aggregation::Kubeflow),
        "none" => Ok(Aggregation::None),
        _ => Err("expected kubernetes, kubeflow or none".to_owned()),
    }
}
