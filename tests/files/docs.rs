//! The SQL in the documentation is SQL.

use std::sync::Arc;

use millstream::catalog::{Catalog, Overrides};
use millstream::connectors::Connectors;
use millstream::connectors::kafka::EmbeddedBroker;
use millstream::jobs::Workspace;
use millstream::sql::ast::{Explain, Source, Statement};
use millstream::sql::parse;

#[tokio::test]
async fn every_block_of_the_page_on_files() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/batch.md")).unwrap();
    let blocks: Vec<&str> = page.split("```sql\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(blocks.len() >= 5);
    let connectors = Connectors::embedded(Arc::new(EmbeddedBroker::new()));
    let workspace = Workspace::new(Catalog::in_memory(), connectors, Overrides::parse(&[] as &[&str]).unwrap());
    for block in blocks {
        for parsed in parse(&Source::new("docs/batch.md", block)).unwrap_or_else(|e| panic!("{block}\n{e}")) {
            match &parsed.statement {
                // Its files are not there to look into.
                Statement::CreateTable(table) if table.columns.is_empty() => {}
                Statement::CreateTable(_) => _ = workspace.declare(&parsed).await.unwrap_or_else(|e| panic!("{block}\n{e}")),
                Statement::Insert(_) => {
                    let explain = Explain { analyze: false, statements: vec![parsed.statement.clone()] };
                    workspace.explain(&explain).await.unwrap_or_else(|e| panic!("{block}\n{e}"));
                }
                _ => {}
            }
        }
    }
}
