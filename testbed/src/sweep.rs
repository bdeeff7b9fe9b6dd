//! Clears away what beds leave on disk and in the cgroup file system: after each bed, and after killed keepers.

use crate::cgroup;
use crate::error::Error;
use crate::folder::BedFolder;

/// Removes everything of beds whose keeper is gone. Their processes went with the keeper.
pub(crate) fn sweep() {
    for folder in BedFolder::all() {
        // A folder whose lock is free has no keeper; one that cannot be cleared now is tried again next time.
        if let Ok(Some(_lock)) = folder.try_lock() {
            let _ = clear(&folder);
        }
    }
}

/// Removes everything of one bed that has died; the error says what could not be removed.
pub(crate) fn clear_dead(folder: &BedFolder) -> Result<(), Error> {
    match folder.try_lock()? {
        Some(_lock) => clear(folder),
        // Somebody else is at it.
        None => Ok(()),
    }
}

/// Removes the cgroups and the folder of one bed, whose lock the caller holds.
pub(crate) fn clear(folder: &BedFolder) -> Result<(), Error> {
    cgroup::remove_all(&folder.cgroup(""));
    folder.remove()
}
