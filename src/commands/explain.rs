//! `explain`: the page of a check, from the binary itself; no cluster is asked.

use crate::{
    check::page::{self, Page},
    cluster::nearest,
    commands::CommandContext,
    error::{CommandError, ErrorKind},
    render,
    ui::Ui,
};

/// Explain a check: what it looks at, why it matters, and how to mend what it finds
///
/// Works offline. Without an ID, all checks are listed.
#[derive(clap::Args, Debug)]
pub struct ExplainArgs {
    /// The check's ID, as `verify` shows it
    #[arg(value_name = "ID")]
    id: Option<String>,
}

pub(crate) fn run(
    ui: &mut Ui,
    context: &CommandContext,
    args: &ExplainArgs,
) -> Result<(), CommandError> {
    let pages = page::pages();
    let look = context.look(ui);
    let Some(wanted) = &args.id else {
        return Ok(ui.answer(&render::explain::render_index(&pages, &look))?);
    };
    match pages
        .iter()
        .find(|page| page.id.0.eq_ignore_ascii_case(wanted))
    {
        Some(page) => Ok(ui.answer(&render::explain::render_page(page, &look))?),
        None => Err(not_found(wanted, &pages, context.display_name())),
    }
}

const PREFIX: &str = "TRN-";

fn not_found(wanted: &str, pages: &[Page], program: &str) -> CommandError {
    // All IDs begin alike, which says nothing about likeness.
    let bare = |id: &str| id.strip_prefix(PREFIX).unwrap_or(id).to_owned();
    let names: Vec<_> = pages.iter().map(|page| bare(page.id.0)).collect();
    let error = CommandError::new(
        ErrorKind::NotFound,
        format!("there is no check \"{wanted}\""),
    );
    match nearest(&bare(&wanted.to_ascii_uppercase()), &names) {
        Some(nearest) => error.with_hint(format!(
            "did you mean {PREFIX}{nearest}? all checks: {program} explain"
        )),
        None => error.with_hint(format!("all checks: {program} explain")),
    }
}
