//! Rules of the page.

use super::Found;
use super::tree::{File, Tree, code};

const SCRIPT: &[&str] = &[".ts", ".js", ".mjs", ".svelte"];
const STYLED: &[&str] = &[".css", ".svelte"];
const TOKENS: &str = "web/src/styles/tokens.css";

/// The loader makes the worker from verified text and hands it over without a word to it.
const LOADER: &str = "web/src/boot.";

pub(super) fn worker(tree: &Tree) -> Found {
    let marks = ["worker.ts", "core/worker", "new Worker", "BroadcastChannel"];
    let mut found = Vec::new();
    let outside = |file: &&File| !file.path.starts_with("web/src/core/") && !file.path.starts_with(LOADER);
    for file in tree.below("web/src/", SCRIPT).filter(outside) {
        for (number, line) in code(&file.text) {
            if marks.iter().any(|mark| line.contains(mark)) {
                found.push(format!("{}:{number}: {}", file.path, line.trim()));
            }
        }
    }
    found
}

pub(super) fn inline(tree: &Tree) -> Found {
    let mut found = Vec::new();
    for file in tree.below("web/", &[".svelte", ".html"]).filter(|file| !file.path.starts_with("web/e2e/")) {
        for (number, line) in file.text.lines().enumerate() {
            let attribute = |name: &str| line.contains(&format!(" {name}=\"")) || line.contains(&format!(" {name}='"));
            let bad = attribute("style") || line.contains(" style={") || line.contains("{@html") || handler(line);
            if bad {
                found.push(format!("{}:{}: {}", file.path, number + 1, line.trim()));
            }
        }
    }
    for file in tree.below("web/src/", SCRIPT) {
        for (number, line) in code(&file.text) {
            if ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write"].iter().any(|mark| line.contains(mark)) {
                found.push(format!("{}:{number}: {}", file.path, line.trim()));
            }
        }
    }
    found
}

/// ` onclick="…"`: an attribute the policy of the page refuses. `onclick={…}` is compiled to a listener.
fn handler(line: &str) -> bool {
    line.split(" on").skip(1).any(|rest| {
        let name = rest.len() - rest.trim_start_matches(|letter: char| letter.is_ascii_lowercase()).len();
        name > 2 && rest.get(name..).is_some_and(|after| after.starts_with("=\"") || after.starts_with("='"))
    })
}

pub(super) fn tokens(tree: &Tree) -> Found {
    let mut found = Vec::new();
    for file in tree.below("web/src/", STYLED).filter(|file| file.path != TOKENS) {
        for (number, line) in style_lines(file) {
            if raw(line) {
                found.push(format!("{}:{number}: {}", file.path, line.trim()));
            }
        }
    }
    found
}

/// A style sheet, or what stands between the style tags of a component.
fn style_lines(file: &File) -> Vec<(usize, &str)> {
    let sheet = file.path.ends_with(".css");
    let mut inside = sheet;
    let mut found = Vec::new();
    for (number, line) in code(&file.text) {
        if !sheet && line.contains("</style>") {
            inside = false;
        }
        if inside {
            found.push((number, line));
        }
        if !sheet && line.trim_start().starts_with("<style") {
            inside = true;
        }
    }
    found
}

/// A colour or a length in pixels written out. Conditions of a query cannot use custom properties, so they are free;
/// and so is one pixel, which is a hairline whatever the theme.
fn raw(line: &str) -> bool {
    let line = line.split("/*").next().unwrap_or(line);
    if ["@media", "@container", "@supports"].iter().any(|query| line.trim_start().starts_with(query)) {
        return false;
    }
    let Some((_, value)) = line.split_once(':') else { return false };
    let colour = ["rgb(", "rgba(", "hsl(", "hsla(", "oklch(", "oklab(", "color("].iter().any(|name| value.contains(name));
    colour || hex_colour(value) || pixels(value)
}

fn hex_colour(value: &str) -> bool {
    value.split('#').skip(1).any(|rest| {
        let digits = rest.chars().take_while(char::is_ascii_hexdigit).count();
        let ends = rest.chars().nth(digits).is_none_or(|next| !next.is_alphanumeric() && next != '-' && next != '_');
        ends && [3, 4, 6, 8].contains(&digits)
    })
}

fn pixels(value: &str) -> bool {
    value.match_indices("px").any(|(at, _)| {
        let before = value.get(..at).and_then(|text| text.chars().next_back());
        let after = value.get(at + 2..).and_then(|text| text.chars().next());
        let digits =
            |text: &str| text.chars().rev().take_while(|letter| letter.is_ascii_digit() || *letter == '.').collect::<String>();
        let hairline = value.get(..at).is_some_and(|text| digits(text) == "1");
        before.is_some_and(|letter| letter.is_ascii_digit())
            && !hairline
            && after.is_none_or(|letter| !letter.is_alphanumeric())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_screen_that_knows_the_worker_is_found() {
        let text = "import x from '../core/worker.ts';\nconst c = new BroadcastChannel('x');\n";
        assert_eq!(worker(&Tree::of(&[("web/src/screens/a.ts", text)])).len(), 2);
        assert!(worker(&Tree::of(&[("web/src/core/client.ts", text), ("web/src/boot.ts", "new Worker(u)\n")])).is_empty());
    }

    #[test]
    fn inline_things_are_found() {
        for bad in ["<p style=\"color: red\">", "<p style={x}>", "<b onclick=\"go()\">", "{@html text}"] {
            assert_eq!(inline(&Tree::of(&[("web/src/a.svelte", bad)])).len(), 1, "{bad}");
        }
        for good in ["<p style:width={w}>", "<b onclick={go}>", "<p class=\"style\">", "once upon=\"\""] {
            assert!(inline(&Tree::of(&[("web/src/a.svelte", good)])).is_empty(), "{good}");
        }
        assert_eq!(inline(&Tree::of(&[("web/src/a.ts", "x.innerHTML = y;")])).len(), 1);
    }

    #[test]
    fn colours_and_pixels_outside_the_tokens_are_found() {
        for bad in ["a { color: #fff; }", "a { width: 12px; }", "a { color: rgb(1 2 3); }", "  border: 11px solid;"] {
            assert_eq!(tokens(&Tree::of(&[("web/src/a.css", bad)])).len(), 1, "{bad}");
            assert!(tokens(&Tree::of(&[(TOKENS, bad)])).is_empty());
        }
        for good in [
            "a { color: var(--ink); }",
            "@media (min-width: 640px) {",
            "a { fill: url(#head); }",
            "a { width: 2rem; } /* 12px */",
        ] {
            assert!(tokens(&Tree::of(&[("web/src/a.css", good)])).is_empty(), "{good}");
        }
        let component = "<a href=\"#abc\">\n<style>\n  p { color: #abc; }\n</style>\n";
        assert_eq!(tokens(&Tree::of(&[("web/src/a.svelte", component)])).len(), 1);
    }
}
