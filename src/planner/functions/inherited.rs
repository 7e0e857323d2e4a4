//! Methods that a function delegates to the DataFusion function that it wraps, its field `of`.

/// The named methods of an aggregate or window function, each as DataFusion's.
macro_rules! inherited {
    ($($method:ident),* $(,)?) => { $(inherited!(@ $method);)* };
    (@ name) => {
        fn name(&self) -> &str {
            self.of.name()
        }
    };
    (@ aliases) => {
        fn aliases(&self) -> &[String] {
            self.of.aliases()
        }
    };
    (@ signature) => {
        fn signature(&self) -> &datafusion::logical_expr::Signature {
            self.of.signature()
        }
    };
    (@ coerce_types) => {
        fn coerce_types(
            &self,
            types: &[arrow::datatypes::DataType],
        ) -> datafusion::error::Result<Vec<arrow::datatypes::DataType>> {
            self.of.coerce_types(types)
        }
    };
    (@ return_type) => {
        fn return_type(&self, types: &[arrow::datatypes::DataType]) -> datafusion::error::Result<arrow::datatypes::DataType> {
            self.of.return_type(types)
        }
    };
    (@ state_fields) => {
        fn state_fields(
            &self,
            args: datafusion::logical_expr::function::StateFieldsArgs<'_>,
        ) -> datafusion::error::Result<Vec<arrow::datatypes::FieldRef>> {
            self.of.state_fields(args)
        }
    };
    (@ groups_accumulator_supported) => {
        fn groups_accumulator_supported(&self, args: datafusion::logical_expr::function::AccumulatorArgs<'_>) -> bool {
            self.of.groups_accumulator_supported(args)
        }
    };
    (@ order_sensitivity) => {
        fn order_sensitivity(&self) -> datafusion::logical_expr::utils::AggregateOrderSensitivity {
            self.of.order_sensitivity()
        }
    };
    (@ documentation) => {
        fn documentation(&self) -> Option<&datafusion::logical_expr::Documentation> {
            self.of.documentation()
        }
    };
}

pub(super) use inherited;
