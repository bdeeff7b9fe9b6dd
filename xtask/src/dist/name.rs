//! The plugin's name, and every name that follows from it. An index may ask for another than `trainer`.

use super::error::DistError;

/// The name as krew has it: lower-case letters, digits and dashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PluginName(String);

impl PluginName {
    pub(super) fn parse(text: &str) -> Result<Self, DistError> {
        let known = |letter: char| matches!(letter, 'a'..='z' | '0'..='9' | '-');
        let sound = !text.is_empty()
            && text.chars().all(known)
            && !text.starts_with('-')
            && !text.ends_with('-');
        if sound {
            Ok(Self(text.to_owned()))
        } else {
            Err(DistError::Name(text.to_owned()))
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// `kubectl-my_plugin`: a dash would part words of a command, so krew writes `_`.
    pub(super) fn program(&self) -> String {
        format!("kubectl-{}", self.in_files())
    }

    /// The file that kubectl asks at TAB.
    pub(super) fn completer(&self) -> String {
        format!("kubectl_complete-{}", self.in_files())
    }

    /// What a user types: `kubectl my-plugin`.
    pub(super) fn command(&self) -> String {
        format!("kubectl {}", self.0)
    }

    fn in_files(&self) -> String {
        self.0.replace('-', "_")
    }
}

#[cfg(test)]
mod tests {
    use super::PluginName;

    #[test]
    fn another_name_is_found_by_kubectl_as_it_is_typed() {
        let name = PluginName::parse("ml-trainer").unwrap();
        assert_eq!(name.program(), "kubectl-ml_trainer");
        assert_eq!(name.completer(), "kubectl_complete-ml_trainer");
        assert_eq!(name.command(), "kubectl ml-trainer");
        let program = name.program();
        let shown = kubectl_trainer::cli::display_name(Some(program.as_ref()));
        assert_eq!(shown, name.command());
    }

    #[test]
    fn a_name_that_krew_or_a_file_cannot_have_is_refused() {
        for text in ["", "a_b", "Trainer", "-a", "a-", "a/b", "a b", ".."] {
            let error = PluginName::parse(text).unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{text}` can be no")), "{error}");
        }
    }
}
