//! The loop that asks a person for inputs.

use crate::common::{ErrorKind, Result};

use super::editor::{Editor, Read};
use super::session::{Next, Session, Setup};

/// Asks for inputs and carries them out, until the person has enough.
///
/// # Errors
/// When the terminal cannot be used; what is wrong with an input is shown, and the next one is asked for.
pub async fn interact(setup: Setup, banner: &str) -> Result<()> {
    let mut session = Session::new(setup, true)?;
    println!("{banner}");
    session.begin().await?;
    if let Err(error) = session.init().await {
        eprintln!("error: {error}");
    }
    let mut editor = Editor::new(session.history.as_deref())?;
    let mut text = String::new();
    loop {
        session.notes.at_once(false);
        session.notes.flush();
        for news in session.jobs.news().await {
            match news {
                Ok(line) => println!("{line}"),
                Err(error) => eprintln!("error: {error}"),
            }
        }
        editor.knows(session.names());
        // The thread waits here; jobs run on others.
        let input = match editor.read(&std::mem::take(&mut text))? {
            Read::Input(input) if input.trim().is_empty() => continue,
            Read::Input(input) => input,
            Read::Interrupted => continue,
            Read::End => match leave(&mut session, &editor).await? {
                true => return Ok(()),
                false => continue,
            },
        };
        session.ready();
        session.notes.at_once(true);
        match session.input(&input).await {
            Ok(Next::Go) => {}
            Ok(Next::Edit(edited)) => text = edited,
            Ok(Next::Quit) => {
                if leave(&mut session, &editor).await? {
                    return Ok(());
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => eprintln!("interrupted"),
            Err(error) => eprintln!("error: {error}"),
        }
    }
}

/// Asks whether jobs are to be stopped, and stops them.
async fn leave(session: &mut Session, editor: &Editor) -> Result<bool> {
    let running = session.jobs.count();
    if running > 0 {
        let jobs = if running == 1 { "1 job is".to_string() } else { format!("{running} jobs are") };
        if !editor.yes(&format!("{jobs} running and will be stopped; quit? [y/N] "))? {
            return Ok(false);
        }
    }
    session.jobs.stop_all().await?;
    Ok(true)
}
