//! `millstream peek TABLE`: the newest records of a topic or of files.

use crate::common::{Error, ErrorKind, Result};

use super::args::{Common, PeekArgs};
use super::{query, setup};

/// Prints the newest records and ends.
pub(super) async fn peek(common: &Common, args: PeekArgs) -> Result<()> {
    let declarations = setup::statements(common, &args.answer.files)?;
    let connection = setup::connection(common)?;
    for parsed in &declarations {
        query::prepare(&connection, parsed).await?;
    }
    let stop = setup::stop_signal()?;
    let (schema, rows) = tokio::select! {
        peeked = connection.peek(&args.table, args.rows as usize) => peeked?,
        () = stop.cancelled() => return Err(Error::new(ErrorKind::Interrupted, "interrupted")),
    };
    connection.check_options_used()?;
    setup::print(schema, rows, args.answer.format).await
}
