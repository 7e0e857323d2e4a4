//! The files of a table as DataFusion reads them, for queries that end.

use std::fmt::Debug;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{DataType, FieldRef, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::{Expr, Operator, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{CastExpr, Column, Literal, binary, case, lit};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::union::UnionExec;

use crate::common::Result;

use super::config::Config;
use super::listing::File;
use super::shape::{Shape, shapes};

/// A table on files, read by DataFusion.
///
/// ```text
///   list ─▶ prune by what paths say ─▶ files that are read alike ─▶ DataSourceExec ─▶ cast, reorder, NULL ─┬▶ UnionExec
///           partitions, file.*          shape.rs                     Parquet prunes by    only where a     │
///                                                                    its statistics       reader does not ─┘
/// ```
/// Statistics of rows are not gathered: that would open every file before the first row is read.
#[derive(Debug)]
pub struct FilesTable {
    config: Arc<Config>,
    schema: SchemaRef,
}

impl FilesTable {
    /// The files of a table whose columns are `schema`.
    pub fn new(config: Arc<Config>, schema: SchemaRef) -> Self {
        Self { config, schema }
    }

    /// A plan over these files.
    ///
    /// # Errors
    /// When one of them cannot be opened.
    pub async fn plan(
        &self,
        session: &dyn Session,
        files: Vec<File>,
        wanted: &[FieldRef],
        limit: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        self.config.store.register(session.runtime_env());
        let mut plans = Vec::new();
        for shape in shapes(&self.config, session, files).await? {
            plans.push(self.plan_shape(session, shape, wanted, limit).await?);
        }
        Ok(match plans.pop() {
            None => Arc::new(EmptyExec::new(Arc::new(Schema::new(wanted.to_vec())))),
            Some(only) if plans.is_empty() => only,
            Some(last) => {
                plans.push(last);
                UnionExec::try_new(plans)?
            }
        })
    }

    async fn plan_shape(
        &self,
        session: &dyn Session,
        shape: Shape,
        wanted: &[FieldRef],
        limit: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let path_columns = self.config.path_columns.clone();
        let table = TableSchema::builder(Arc::clone(&shape.content)).with_table_partition_cols(path_columns).build();
        let place = |name: &str| {
            let in_path = self.config.path_columns.iter().position(|f| f.name() == name);
            in_path.map(|i| shape.content.fields().len() + i).or_else(|| shape.content.index_of(name).ok())
        };
        let places: Vec<Option<usize>> = wanted.iter().map(|f| place(f.name())).collect();
        let read: Vec<usize> = places.iter().copied().flatten().collect();

        let files = shape
            .files
            .iter()
            .map(|file| Ok(PartitionedFile::new_from_meta(file.meta.clone()).with_partition_values(self.config.path_values(file)?)));
        let files = FileGroup::new(files.collect::<Result<Vec<_>>>()?);
        let groups = files.split_files(session.config().target_partitions());
        let scan = FileScanConfigBuilder::new(self.config.store.url.clone(), shape.reader.file_source(table))
            .with_projection_indices(Some(read))?
            .with_file_groups(groups)
            .with_limit(limit)
            .build();
        let plan = shape.reader.create_physical_plan(session, scan).await?;
        fit(plan, wanted, &places, self.config.format.null_literal.as_deref())
    }

    /// Leaves files out of which paths and metadata tell that no row passes the filters.
    fn prune(&self, session: &dyn Session, files: Vec<File>, filters: &[Expr]) -> DfResult<Vec<File>> {
        let known = |name: &str| self.config.path_columns.iter().any(|f| f.name() == name);
        let filters: Vec<&Expr> =
            filters.iter().filter(|e| !e.column_refs().is_empty() && e.column_refs().iter().all(|c| known(&c.name))).collect();
        if filters.is_empty() || files.is_empty() {
            return Ok(files);
        }
        let schema: SchemaRef = Arc::new(Schema::new(self.config.path_columns.clone()));
        let df_schema = DFSchema::try_from(schema.as_ref().clone())?;
        let values = files.iter().map(|f| self.config.path_values(f)).collect::<Result<Vec<_>>>()?;
        let column = |i: usize| ScalarValue::iter_to_array(values.iter().filter_map(|row| row.get(i).cloned()));
        let columns = (0..schema.fields().len()).map(column).collect::<DfResult<Vec<_>>>()?;
        let paths = RecordBatch::try_new(schema, columns)?;
        let mut keep = vec![true; files.len()];
        for filter in filters {
            // What cannot be judged here is judged row by row above the scan.
            let Ok(expr) = session.create_physical_expr(filter.clone(), &df_schema) else { continue };
            let Ok(passes) = expr.evaluate(&paths).and_then(|v| v.into_array(files.len())) else { continue };
            let Some(passes) = passes.as_boolean_opt() else { continue };
            keep.iter_mut().zip(passes).for_each(|(keep, passes)| *keep &= passes.unwrap_or(false));
        }
        Ok(files.into_iter().zip(keep).filter_map(|(file, keep)| keep.then_some(file)).collect())
    }
}

/// Brings what a reader yields into the order and types that are wanted; what files lack is NULL.
fn fit(
    plan: Arc<dyn ExecutionPlan>,
    wanted: &[FieldRef],
    places: &[Option<usize>],
    null_literal: Option<&str>,
) -> DfResult<Arc<dyn ExecutionPlan>> {
    let schema = plan.schema();
    let (mut exprs, mut next, mut plain) = (Vec::with_capacity(wanted.len()), 0, true);
    for (field, place) in wanted.iter().zip(places) {
        let expr: Arc<dyn PhysicalExpr> = match place {
            None => {
                plain = false;
                Arc::new(Literal::new(ScalarValue::try_from(field.data_type())?))
            }
            Some(_) => {
                let mut value: Arc<dyn PhysicalExpr> = Arc::new(Column::new(field.name(), next));
                let same = schema.field(next).data_type() == field.data_type();
                if let Some(null) = null_literal.filter(|_| *schema.field(next).data_type() == DataType::Utf8) {
                    value = null_if(value, null, &schema)?;
                    plain = false;
                }
                next += 1;
                plain &= same;
                if same { value } else { Arc::new(CastExpr::new(value, field.data_type().clone(), None)) }
            }
        };
        exprs.push((expr, field.name().clone()));
    }
    if plain { Ok(plan) } else { Ok(Arc::new(ProjectionExec::try_new(exprs, plan)?)) }
}

/// A text, or NULL where it is `null`.
fn null_if(text: Arc<dyn PhysicalExpr>, null: &str, schema: &Schema) -> DfResult<Arc<dyn PhysicalExpr>> {
    let is_null = binary(Arc::clone(&text), Operator::Eq, lit(null), schema)?;
    case(None, vec![(is_null, lit(ScalarValue::Utf8(None)))], Some(text))
}

#[async_trait]
impl TableProvider for FilesTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> DfResult<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let wanted: Vec<FieldRef> = match projection {
            Some(indices) => self.schema.project(indices)?.fields().to_vec(),
            None => self.schema.fields().to_vec(),
        };
        let files = self.prune(session, self.config.list().await?, filters)?;
        self.plan(session, files, &wanted, limit.filter(|_| filters.is_empty())).await
    }
}
