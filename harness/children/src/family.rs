//! Which processes come of a program, by the table of processes. Pure.

/// A process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) id: u32,
    pub(super) parent: u32,
    pub(super) group: u32,
    /// It has ended, and waits for its parent to take notice.
    pub(super) gone: bool,
}

impl Process {
    /// From `/proc/ID/stat`: the number, the name in parentheses, which may hold anything, the state, the parent, the group.
    pub(super) fn parse(stat: &str) -> Option<Self> {
        let (id, rest) = stat.split_once(" (")?;
        let (_, rest) = rest.rsplit_once(") ")?;
        let mut fields = rest.split(' ');
        let gone = matches!(fields.next()?, "Z" | "X" | "x");
        Some(Self {
            id: id.parse().ok()?,
            parent: fields.next()?.parse().ok()?,
            group: fields.next()?.parse().ok()?,
            gone,
        })
    }
}

/// The processes that come of the program `leader`, which `own` started, and live: its group, its descendants, and those
/// descendants of `own` that bear its mark.
pub(super) fn members(table: &[Process], own: u32, leader: u32, is_marked: impl Fn(u32) -> bool) -> Vec<u32> {
    let descends = |process: &Process, from: u32| {
        let mut at = *process;
        // A table that was read while it changed may have a circle in it.
        for _ in 0..table.len() {
            if at.parent == from {
                return true;
            }
            match table.iter().find(|p| p.id == at.parent) {
                Some(parent) => at = *parent,
                None => return false,
            }
        }
        false
    };
    let comes_of = |process: &&Process| {
        process.id == leader
            || process.group == leader
            || descends(process, leader)
            || (descends(process, own) && is_marked(process.id))
    };
    table.iter().filter(|p| !p.gone && p.id != own).filter(comes_of).map(|p| p.id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_table_is_read_whatever_the_name() {
        let read = |stat| Process::parse(stat);
        let right = |id, parent, group, gone| Some(Process { id, parent, group, gone });
        assert_eq!(read("17 (sh) S 3 17 3 0 -1 4194304"), right(17, 3, 17, false));
        assert_eq!(read("17 (a) Z 1 (b) Z 3 9 3 0"), right(17, 3, 9, true));
        assert_eq!(read("17 sh S 3 17"), None);
        assert_eq!(read("17 (sh) S 3"), None);
        assert_eq!(read(""), None);
    }

    #[test]
    fn a_family_is_the_group_the_descendants_and_who_bears_the_mark() {
        let process = |id, parent, group| Process { id, parent, group, gone: false };
        let own = 10;
        let table = [
            process(1, 0, 1),
            process(own, 1, own),
            // The leader, a child of it in another group, and one whose parent has gone.
            process(20, own, 20),
            process(21, 20, 21),
            process(22, 1, 20),
            // Orphans that came to us: one bears the mark, and so does its child's child; the other is somebody else's.
            process(30, own, 30),
            process(31, 30, 30),
            process(32, 31, 32),
            process(40, own, 40),
            // Not ours, whatever its environment says.
            process(50, 1, 50),
            Process { gone: true, ..process(60, 20, 20) },
        ];
        let marked = |id| [30, 32, 50].contains(&id);
        assert_eq!(members(&table, own, 20, marked), [20, 21, 22, 30, 32]);
        assert_eq!(members(&table, own, 40, |_| false), [40]);
        assert_eq!(members(&table, own, 99, |_| false), [0; 0]);
    }

    #[test]
    fn a_circle_ends() {
        let process = |id, parent| Process { id, parent, group: id, gone: false };
        assert_eq!(members(&[process(2, 3), process(3, 2)], 10, 20, |_| true), [0; 0]);
    }
}
