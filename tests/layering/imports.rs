//! Which file takes what from which: `use` statements and paths in the code, read as text.
//!
//! A name that a module only passes on (`pub use`) is looked for where it is declared, so a
//! signpost ties nobody.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

/// The path of a module, from the crate's root: `["node", "job"]`.
type Module = Vec<String>;

/// The house as its files see each other.
pub struct House {
    files: BTreeMap<Module, File>,
}

#[derive(Default)]
struct File {
    /// Paths of what it uses.
    uses: Vec<Module>,
    /// What it passes on: the name, and the path that it stands for. `*` is every name.
    signposts: Vec<(String, Module)>,
}

/// The module that a file below `src/` is.
fn module_of(file: &Path) -> Module {
    let parts = file.with_extension("");
    let parts = parts.iter().map(|part| part.to_str().unwrap().to_owned());
    parts
        .filter(|part| part != "lib" && part != "main")
        .collect()
}

impl House {
    /// Reads files: their paths below `src/`, and their code.
    pub fn read<'a>(files: impl IntoIterator<Item = (&'a Path, String)>) -> Self {
        let codes: Vec<(Module, String)> = files
            .into_iter()
            .map(|(path, code)| (module_of(path), code))
            .collect();
        let modules: BTreeSet<Module> = codes.iter().map(|(module, _)| module.clone()).collect();
        let mut house = Self {
            files: BTreeMap::new(),
        };
        for (module, code) in codes {
            let mut file = File::default();
            let rest = statements(&code, |public, tree| {
                for (path, name) in expand(tree) {
                    let Some(path) = absolute(&module, &modules, &path) else {
                        continue;
                    };
                    if public {
                        file.signposts.push((name, path));
                    } else {
                        file.uses.push(path);
                    }
                }
            });
            for path in paths(&rest) {
                file.uses.extend(absolute(&module, &modules, &path));
            }
            house.files.insert(module, file);
        }
        house
    }

    /// The file that declares what a path means, as far as signposts lead.
    fn owner(&self, path: &[String], depth: u8) -> Option<&Module> {
        let at = (1..=path.len())
            .rev()
            .find(|&n| self.files.contains_key(&path[..n]))?;
        let (module, file) = self.files.get_key_value(&path[..at])?;
        let Some(name) = path.get(at).filter(|_| depth > 0) else {
            return Some(module);
        };
        for (passed, target) in &file.signposts {
            if passed == name {
                return self.owner(target, depth - 1);
            }
        }
        Some(module)
    }

    /// The files that each file takes something from.
    fn arrows(&self) -> BTreeMap<&Module, BTreeSet<&Module>> {
        let mut arrows = BTreeMap::new();
        for (module, file) in &self.files {
            let owners = file.uses.iter().filter_map(|path| self.owner(path, 4));
            // A file and those below it are one thing in parts: what they take from it is no way
            // up.
            let owners = owners.filter(|owner| !module.starts_with(owner));
            arrows.insert(module, owners.collect());
        }
        arrows
    }

    /// The circles: files of which each takes something from the next, as sorted paths.
    pub fn circles(&self) -> Vec<Vec<String>> {
        let arrows = self.arrows();
        let reach: BTreeMap<&Module, BTreeSet<&Module>> = arrows
            .keys()
            .map(|&from| {
                let mut seen = BTreeSet::new();
                let mut left: Vec<&Module> = arrows[from].iter().copied().collect();
                while let Some(next) = left.pop() {
                    if seen.insert(next) {
                        left.extend(&arrows[next]);
                    }
                }
                (from, seen)
            })
            .collect();
        let mut circles = BTreeSet::new();
        for (from, seen) in &reach {
            if seen.contains(from) {
                let all = seen.iter().filter(|other| reach[*other].contains(from));
                circles.insert(all.map(|module| module.join("/")).collect::<Vec<_>>());
            }
        }
        circles.into_iter().collect()
    }

    /// The arrows among some files, to be told.
    pub fn among(&self, circle: &[String]) -> Vec<String> {
        let mut told = Vec::new();
        for (from, to) in self.arrows() {
            for to in to {
                let (from, to) = (from.join("/"), to.join("/"));
                if circle.contains(&from) && circle.contains(&to) {
                    told.push(format!("  {from} -> {to}"));
                }
            }
        }
        told
    }
}

/// Calls `each` with every `use` statement's tree; gives back the code without them.
fn statements(code: &str, mut each: impl FnMut(bool, &str)) -> String {
    let mut rest = String::new();
    let mut lines = code.lines();
    while let Some(line) = lines.next() {
        let start = line.trim_start();
        let (public, tree) = match start.strip_prefix("use ") {
            Some(tree) => (false, tree),
            None => match start.split_once("use ") {
                Some((before, tree)) if before.starts_with("pub") && !before.contains("fn ") => {
                    (true, tree)
                }
                _ => {
                    rest.push_str(line);
                    rest.push('\n');
                    continue;
                }
            },
        };
        let mut tree = tree.to_owned();
        while !tree.contains(';') {
            tree.push_str(lines.next().expect("a statement ends"));
        }
        each(public, tree.split(';').next().unwrap());
    }
    rest
}

/// The paths of a `use` tree, each with the name by which it is known then.
fn expand(tree: &str) -> Vec<(Module, String)> {
    let tree = tree.trim();
    if let Some((before, inside)) = tree.split_once('{') {
        let inside = inside.rsplit_once('}').expect("a closed group").0;
        let before: Module = before
            .split("::")
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect();
        return split(inside)
            .into_iter()
            .flat_map(expand)
            .map(|(path, name)| {
                let name = if path == ["self"] {
                    before.last().unwrap().clone()
                } else {
                    name
                };
                let path = path.into_iter().filter(|part| part != "self");
                (before.iter().cloned().chain(path).collect(), name)
            })
            .collect();
    }
    if tree.is_empty() {
        return Vec::new();
    }
    let (path, name) = tree.split_once(" as ").unwrap_or((tree, ""));
    let path: Module = path
        .split("::")
        .map(|part| part.trim().to_owned())
        .collect();
    let name = if name.is_empty() {
        path.last().unwrap()
    } else {
        name.trim()
    };
    let name = name.to_owned();
    vec![(path, name)]
}

/// Splits at the commas outside of groups.
fn split(inside: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut from) = (Vec::new(), 0, 0);
    for (at, c) in inside.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&inside[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&inside[from..]);
    parts
}

/// Every path with `::` in code.
fn paths(code: &str) -> Vec<Module> {
    let of_a_path = |c: char| !(c.is_alphanumeric() || c == '_' || c == ':');
    let words = code.split(of_a_path).filter(|word| word.contains("::"));
    words
        .map(|word| {
            word.split("::")
                .map(|part| part.trim_matches(':').to_owned())
                .collect::<Module>()
        })
        .filter(|path| path[0].chars().next().is_some_and(char::is_lowercase))
        .collect()
}

/// A path from the crate's root, if it is one of ours.
fn absolute(module: &[String], modules: &BTreeSet<Module>, path: &[String]) -> Option<Module> {
    let mut base = module.to_vec();
    let mut rest = path;
    match path.first()?.as_str() {
        "crate" => {
            base.clear();
            rest = &rest[1..];
        }
        "self" => rest = &rest[1..],
        "super" => {
            while rest.first().is_some_and(|part| part == "super") {
                base.pop()?;
                rest = &rest[1..];
            }
        }
        child => {
            // A child module of this one, or something from elsewhere.
            base.push(child.to_owned());
            if !modules.contains(&base) {
                return None;
            }
            rest = &rest[1..];
        }
    }
    base.extend(rest.iter().cloned());
    Some(base)
}

#[test]
fn a_circle_is_found_through_signposts_and_not_made_by_them() {
    let file = |path: &'static str, code: &str| (Path::new(path), code.to_owned());
    let open = House::read([
        file("a.rs", "mod b;\nmod c;\npub use b::{B, X as Y};\n"),
        file("a/b.rs", "use super::{c::C, D};\npub struct B;\n"),
        file("a/c.rs", "use std::fs;\npub struct C;\n"),
        file("d.rs", "use crate::{\n    a::{Y, self},\n};\n"),
    ]);
    assert_eq!(open.circles(), Vec::<Vec<String>>::new());
    let closed = House::read([
        file("a.rs", "pub use b::B;\n"),
        file("a/b.rs", "fn f() { super::c::g() }\n"),
        file("a/c.rs", "use crate::a::B;\nfn g() {}\n"),
    ]);
    assert_eq!(closed.circles(), [["a/b", "a/c"]]);
    assert_eq!(closed.among(&closed.circles()[0]).len(), 2);
}
