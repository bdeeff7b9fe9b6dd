//! `explain`: the page of a check, from the binary itself; no cluster is asked.

use crate::{
    check::page,
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
        None => Err(CommandError::new(
            ErrorKind::NotFound,
            format!("there is no check \"{wanted}\""),
        )
        .with_hint(format!("all checks: {} explain", context.display_name()))),
    }
}
