//! Parses the SQL blocks of a page, and compares their output with the page.

/// A fenced block of SQL.
#[derive(Debug, PartialEq, Eq)]
pub struct Block {
    /// The line of its fence, from 1.
    pub line: usize,
    pub sql: String,
    /// Whether its statements must fail.
    pub fails: bool,
    /// The table below it.
    pub answer: Option<String>,
}

impl Block {
    /// The scripts to run: the block, or, if it must fail, each statement separately, because a syntax error in one hides the others.
    pub fn scripts(&self) -> Vec<String> {
        if !self.fails {
            return vec![self.sql.clone()];
        }
        let mut lines = 0;
        let mut statement = |text: &str| {
            let script = "\n".repeat(lines) + text;
            lines += text.matches('\n').count();
            script
        };
        self.sql.split_inclusive(";\n").map(&mut statement).filter(|script| !script.trim().is_empty()).collect()
    }

    /// Compares the output with the page.
    pub fn judge(&self, said: &str) -> Result<(), String> {
        let count = |begin: &str| said.lines().filter(|line| line.starts_with(begin)).count();
        if self.fails {
            return if count("error: ") > 0 { Ok(()) } else { Err("a statement is marked `error`, and succeeds".to_string()) };
        }
        if count("error: ") > 0 || count("job ") > count("job finished") {
            return Err("a statement fails".to_string());
        }
        let Some(answer) = &self.answer else { return Ok(()) };
        let last: Vec<&str> = said.lines().rev().take_while(|line| !line.starts_with("> ")).collect();
        let last: Vec<&str> = last.into_iter().rev().filter(|line| line.starts_with(['+', '|'])).collect();
        if last == answer.lines().collect::<Vec<_>>() { Ok(()) } else { Err(format!("the page shows another answer:\n{answer}\n")) }
    }
}

/// Extracts the SQL blocks of a page; an error begins with its line.
pub fn blocks(page: &str) -> Result<Vec<Block>, String> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut lines = page.lines().enumerate().map(|(i, line)| (i + 1, line));
    // Whether only blank lines are between the last SQL block and this line.
    let mut below = false;
    while let Some((line, text)) = lines.next() {
        let Some(mark) = text.trim_start().strip_prefix("```") else {
            below &= text.trim().is_empty();
            continue;
        };
        let content: Vec<&str> = lines.by_ref().map(|(_, text)| text).take_while(|text| text.trim() != "```").collect();
        let words: Vec<&str> = mark.split_whitespace().collect();
        match words.as_slice() {
            ["sql"] | ["sql", "error"] => {
                // Blank lines before it, so that errors name the page's lines.
                let sql = "\n".repeat(line) + &content.join("\n");
                blocks.push(Block { line, sql, fails: words.len() == 2, answer: None });
            }
            ["sql", ..] => return Err(format!("{line}: what is `{mark}`? known: sql, sql error")),
            ["text"] if below && content.first().is_some_and(|first| first.starts_with("+-")) => {
                let block = blocks.last_mut().ok_or("an answer to nothing")?;
                block.answer = Some(content.join("\n"));
            }
            _ => {}
        }
        below = words.first() == Some(&"sql");
    }
    Ok(blocks)
}

#[test]
fn blocks_are_cut_out() {
    let page = "# T\n```\nx\n```\n```sql\nSELECT 1;\n```\n\n```text\n+---+\n| 1 |\n```\n```sql error\nSELECT\n```\nand\n```text\n+-\n```\n";
    let first = Block { line: 5, sql: "\n\n\n\n\nSELECT 1;".into(), fails: false, answer: Some("+---+\n| 1 |".into()) };
    let second = Block { line: 13, sql: "\n".repeat(13) + "SELECT", fails: true, answer: None };
    assert_eq!(blocks(page).unwrap(), [first, second]);
    assert!(blocks("```sql fails\n```\n").unwrap_err().starts_with("1: "));
}

#[test]
fn what_is_to_fail_runs_by_itself() {
    let sql = "\nUPDATE t\nSET a = 1;\nTRUNCATE t".to_string();
    let block = |fails| Block { line: 1, sql: sql.clone(), fails, answer: None };
    assert_eq!(block(false).scripts(), std::slice::from_ref(&sql));
    assert_eq!(block(true).scripts(), ["\nUPDATE t\nSET a = 1;\n", "\n\n\nTRUNCATE t"]);
}

#[test]
fn blocks_are_judged() {
    let block = |fails, answer: Option<&str>| Block { line: 1, sql: String::new(), fails, answer: answer.map(Into::into) };
    for (fails, answer, said, right) in [
        (false, None, "> SELECT 1\n+-\n", true),
        (false, None, "> SELECT x\nerror: no\n", false),
        (false, None, "> INSERT\njob finished: 1 part(s)\n", true),
        (false, None, "> INSERT\njob does not end\n", false),
        (false, Some("+-\n| 1"), "> SELECT 0\n+-\n| 0\n> SELECT 1\njob finished: 1 part(s)\n+-\n| 1\n", true),
        (false, Some("+-\n| 2"), "> SELECT 1\n+-\n| 1\n", false),
        (true, None, "error: a script that cannot be read\n", true),
        (true, None, "> DROP\nerror: a\n", true),
        (true, None, "> DROP\n", false),
    ] {
        assert_eq!(block(fails, answer).judge(said).is_ok(), right, "{said}");
    }
}
