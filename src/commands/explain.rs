//! `explain`: the page of a check or of a reason, from the binary itself; no cluster is asked.

use crate::{
    check::page::{self, Page},
    cluster::nearest,
    commands::CommandContext,
    error::{CommandError, ErrorKind},
    render,
    ui::Ui,
};

/// Explain a check or a reason: what is looked at, why it matters, and how to mend it
///
/// Works offline. Without an ID, all checks are listed.
#[derive(clap::Args, Debug)]
pub struct ExplainArgs {
    /// The check's ID or the reason's code, as `verify` shows them
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
    let mut named = pages.iter();
    if let Some(page) = named.find(|page| page.id.0.eq_ignore_ascii_case(wanted)) {
        return Ok(ui.answer(&render::explain::render_page(page, &look))?);
    }
    match page::givers(&pages, wanted).as_slice() {
        [] => Err(not_found(wanted, &pages, context.display_name())),
        givers => Ok(ui.answer(&render::explain::render_reason_page(givers, &look))?),
    }
}

fn not_found(wanted: &str, pages: &[Page], program: &str) -> CommandError {
    let error = CommandError::new(
        ErrorKind::NotFound,
        format!("there is no check or reason \"{wanted}\""),
    );
    let all = format!("all checks: {program} explain");
    let ids = page::nearest_ids(wanted, pages.iter().map(|page| page.id));
    let codes: Vec<_> = page::codes(pages).into_iter().map(str::to_owned).collect();
    let code = nearest(wanted, &codes).map(String::as_str);
    match ids.first().copied().or(code) {
        Some(nearest) => error.with_hint(format!("did you mean {nearest}? {all}")),
        None => error.with_hint(all),
    }
}
