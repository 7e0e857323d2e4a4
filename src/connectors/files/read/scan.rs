//! Scans the files of a table with DataFusion, for queries that end.

use std::fmt::Debug;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{FieldRef, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::ParquetRowSelection;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfig, FileScanConfigBuilder, FileSource, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::parquet::arrow::arrow_reader::{RowSelection, RowSelector};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{Column, Literal};
use datafusion::physical_expr::projection::{ProjectionExpr, ProjectionExprs};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::union::UnionExec;

use crate::common::{Error, Result};

use super::avro_source::AvroFormat;
use super::checked_source::CheckedSource;
use super::column_source::ColumnSource;
use super::floor_times;
use super::int96_times::Int96Adapters;
use super::renamed_parquet::RenamedParquet;
use super::shape::{Shape, shapes};
use super::text_source::TextFormat;
use crate::connectors::files::table::config::Config;
use crate::connectors::files::table::format::Kind;
use crate::connectors::files::table::listing::File;

/// A table on files, read by DataFusion.
///
/// ```text
///   list ─▶ prune by path, metadata ─▶ files that are read alike ─▶ DataSourceExec ─▶ cast, reorder, NULL ─┬▶ UnionExec
///           partitions, file.*          shape.rs                     Parquet prunes by    only where a     │
///                                                                    its statistics       reader does not ─┘
/// ```
/// Statistics of rows are not gathered: that would open every file before the first row is read.
#[derive(Debug)]
pub struct FilesTable {
    config: Arc<Config>,
    schema: SchemaRef,
    /// Rows of files that are not text are checked while they are read.
    checked: bool,
}

impl FilesTable {
    /// Creates a table of files, with the columns `schema`.
    pub fn new(config: Arc<Config>, schema: SchemaRef) -> Self {
        Self { config, schema, checked: true }
    }

    /// The same without checks, for a caller that adds the file to errors and finds bad rows itself.
    pub fn unchecked(self) -> Self {
        Self { checked: false, ..self }
    }

    /// Returns columns by their indices.
    ///
    /// # Errors
    /// When an index is out of range.
    pub fn columns(&self, indices: &[usize]) -> Result<Vec<FieldRef>> {
        Ok(self.schema.project(indices)?.fields().to_vec())
    }

    /// Plans a scan of these files.
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
        for (shape, files) in shapes(&self.config, files).await? {
            plans.push(self.plan_shape(session, &shape, &files, wanted, limit).await?);
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
        shape: &Shape,
        files: &[File],
        wanted: &[FieldRef],
        limit: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let path_columns = self.config.path_columns.clone();
        let table = TableSchema::builder(Arc::clone(&shape.content)).with_table_partition_cols(path_columns).build();
        let place = |name: &str| {
            let in_path = self.config.path_columns.iter().position(|f| f.name() == name);
            in_path.map(|i| shape.content.fields().len() + i).or_else(|| shape.called.iter().position(|called| called == name))
        };
        let places: Vec<Option<usize>> = wanted.iter().map(|f| place(f.name())).collect();
        let read: Vec<usize> = places.iter().copied().flatten().collect();

        let partitioned = |file: &File| -> Result<PartitionedFile> {
            let whole = PartitionedFile::new_from_meta(file.meta.clone()).with_partition_values(self.config.path_values(file)?);
            Ok(match &file.rows {
                Some(rows) => {
                    let selected = RowSelection::from(vec![RowSelector::skip(rows.start), RowSelector::select(rows.len())]);
                    whole.with_extension(ParquetRowSelection::new(selected))
                }
                None => whole,
            })
        };
        let files = files.iter().map(partitioned);
        let files = FileGroup::new(files.collect::<Result<Vec<_>>>()?);
        let groups = files.split_files(session.config().target_partitions());
        let is_text = self.config.format.kind.text().is_some();
        let source: Arc<dyn FileSource> = match self.config.format.kind {
            _ if is_text => Arc::new(ColumnSource::new(TextFormat::new(Arc::clone(&self.config), shape), table)),
            Kind::Avro => Arc::new(ColumnSource::new(AvroFormat, table)),
            _ => self.config.format.reader()?.file_source(table),
        };
        let scan = FileScanConfigBuilder::new(self.config.store.url.clone(), source)
            .with_projection_indices(Some(read))?
            .with_file_groups(groups)
            .with_file_compression_type(shape.compression)
            .with_limit(limit)
            .with_expr_adapter(Some(Arc::new(Int96Adapters)))
            .build();
        if is_text {
            return fit(DataSourceExec::from_data_source(scan), wanted, &places);
        }
        let plan: Arc<dyn ExecutionPlan> = match self.config.format.kind {
            Kind::Avro => DataSourceExec::from_data_source(scan),
            _ => self.config.format.reader()?.create_physical_plan(session, scan).await?,
        };
        let projection = fit_exprs(&plan.schema(), wanted, &places)?;
        let Some(scan) = plan.downcast_ref::<DataSourceExec>().and_then(|scan| scan.data_source().downcast_ref::<FileScanConfig>()) else {
            return Err(Error::internal("files are read by something else than a scan of files").into());
        };
        // Filters apply to the declared types, so values are cast below them.
        let named = self.called_as_declared(scan.file_source());
        let fitted = projection.as_ref().map(|exprs| named.try_pushdown_projection(exprs)).transpose()?.flatten();
        let above = projection.filter(|_| fitted.is_none());
        let mut source = fitted.unwrap_or(named);
        if self.checked {
            source = Arc::new(CheckedSource::new(Arc::clone(&self.config), source));
        }
        let scan = DataSourceExec::from_data_source(FileScanConfigBuilder::from(scan.clone()).with_source(source).build());
        match above {
            Some(exprs) => Ok(Arc::new(ProjectionExec::try_new(exprs.iter().cloned(), scan)?)),
            None => Ok(scan),
        }
    }

    /// Returns a Parquet source that names the files' columns as the table does.
    fn called_as_declared(&self, source: &Arc<dyn FileSource>) -> Arc<dyn FileSource> {
        let parquet = source.downcast_ref::<ParquetSource>();
        let Some((parquet, opened)) = parquet.and_then(|parquet| Some((parquet, parquet.parquet_file_reader_factory()?))) else {
            return Arc::clone(source);
        };
        let renamed = RenamedParquet::new(Arc::clone(opened), self.config.content.clone().into());
        Arc::new(parquet.clone().with_parquet_file_reader_factory(Arc::new(renamed)))
    }

    /// Prunes files in which no row can pass the filters, by their paths and metadata.
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
            // A filter that cannot be evaluated here is evaluated row by row above the scan.
            let Ok(expr) = session.create_physical_expr(filter.clone(), &df_schema) else { continue };
            let Ok(passes) = expr.evaluate(&paths).and_then(|v| v.into_array(files.len())) else { continue };
            let Some(passes) = passes.as_boolean_opt() else { continue };
            keep.iter_mut().zip(passes).for_each(|(keep, passes)| *keep &= passes.unwrap_or(false));
        }
        Ok(files.into_iter().zip(keep).filter_map(|(file, keep)| keep.then_some(file)).collect())
    }
}

/// Brings the columns of a reader into the wanted order and types; columns that files lack are NULL.
fn fit(plan: Arc<dyn ExecutionPlan>, wanted: &[FieldRef], places: &[Option<usize>]) -> DfResult<Arc<dyn ExecutionPlan>> {
    match fit_exprs(&plan.schema(), wanted, places)? {
        Some(exprs) => Ok(Arc::new(ProjectionExec::try_new(exprs.iter().cloned(), plan)?)),
        None => Ok(plan),
    }
}

/// Returns the wanted expressions over the columns of a reader; `None` if the reader yields them as they are.
fn fit_exprs(has: &Schema, wanted: &[FieldRef], places: &[Option<usize>]) -> DfResult<Option<ProjectionExprs>> {
    if places.iter().all(Option::is_some)
        && has.fields().iter().zip(wanted).all(|(has, wants)| has.data_type() == wants.data_type() && has.name() == wants.name())
    {
        return Ok(None);
    }
    let mut next = 0..;
    let expr = |(field, place): (&FieldRef, &Option<usize>)| -> DfResult<ProjectionExpr> {
        let Some(i) = place.and_then(|_| next.next()) else {
            return Ok(ProjectionExpr::new(Arc::new(Literal::new(ScalarValue::try_from(field.data_type())?)), field.name().clone()));
        };
        let value: Arc<dyn PhysicalExpr> = Arc::new(Column::new(has.field(i).name(), i));
        let (has, wants) = (has.field(i).data_type(), field.data_type());
        let value = if has == wants { value } else { floor_times::cast(value, has, wants) };
        Ok(ProjectionExpr::new(value, field.name().clone()))
    };
    Ok(Some(ProjectionExprs::new(wanted.iter().zip(places).map(expr).collect::<DfResult<Vec<_>>>()?)))
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
            Some(indices) => self.columns(indices)?,
            None => self.schema.fields().to_vec(),
        };
        let files = self.prune(session, self.config.list().await?, filters)?;
        self.plan(session, files, &wanted, limit.filter(|_| filters.is_empty())).await
    }
}
