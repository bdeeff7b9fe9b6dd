//! The manual: a page for each command, made from the grammar under the plugin's name.

use std::io;

use clap::Command;
use clap_mangen::Man;

use super::archive::Entry;
use super::name::PluginName;

/// Every page, as `man/kubectl-trainer-logs.1`.
pub(super) fn pages(name: &PluginName) -> io::Result<Vec<Entry>> {
    let mut grammar = kubectl_trainer::cli::command(&name.command());
    grammar.build();
    let mut pages = Vec::new();
    add_pages(&mut pages, &grammar, &name.program())?;
    Ok(pages)
}

fn add_pages(pages: &mut Vec<Entry>, command: &Command, title: &str) -> io::Result<()> {
    let shown = command
        .get_subcommands()
        .filter(|inner| !inner.is_hide_set() && inner.get_name() != "help");
    for inner in shown {
        add_pages(pages, inner, &format!("{title}-{}", inner.get_name()))?;
    }
    // The page lists other pages by the names of their files.
    let mut named = command.clone().display_name(title.to_owned());
    // In place of one line with every flag.
    let usage = named.render_usage().to_string();
    let named = named.override_usage(usage.trim_start_matches("Usage: ").to_owned());
    let mut page = Vec::new();
    // Long titles leave no room for more in the head and in the foot.
    let source = env!("CARGO_PKG_VERSION");
    Man::new(named)
        .manual("")
        .source(source)
        .render(&mut page)?;
    pages.push(Entry::text(format!("man/{title}.1"), page));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page<'a>(pages: &'a [Entry], path: &str) -> std::borrow::Cow<'a, str> {
        let page = pages.iter().find(|page| page.path == path);
        String::from_utf8_lossy(&page.unwrap_or_else(|| panic!("{path}")).content)
    }

    #[test]
    fn every_command_has_a_page_under_the_plugins_name() {
        let name = PluginName::parse("ml-trainer").unwrap();
        let pages = pages(&name).unwrap();
        let first = page(&pages, "man/kubectl-ml_trainer.1");
        assert!(first.contains(r"kubectl\-ml_trainer\-logs(1)"), "{first}");
        let logs = page(&pages, "man/kubectl-ml_trainer-logs.1");
        assert!(logs.contains(r"kubectl ml\-trainer logs"), "{logs}");
        assert!(logs.contains(r"\-\-follow"), "{logs}");
        assert!(logs.contains("[OPTIONS]"), "{logs}");
        page(&pages, "man/kubectl-ml_trainer-runtimes-list.1");
    }
}
