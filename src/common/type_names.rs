//! Names of types in texts of libraries, as they are in SQL.

/// A text in which types have the names that they have in SQL.
pub fn in_sql(text: &str) -> String {
    const NAMES: [(&str, &str); 8] = [
        ("Int8", "TINYINT"),
        ("Int16", "SMALLINT"),
        ("Int32", "INT"),
        ("Int64", "BIGINT"),
        ("Float32", "FLOAT"),
        ("Float64", "DOUBLE"),
        ("Date32", "DATE"),
        ("Utf8", "STRING"),
    ];
    let decimals = text.replace("Decimal128(", "DECIMAL(").replace("Decimal256(", "DECIMAL(");
    NAMES.iter().fold(decimals, |text, (arrow, sql)| {
        text.replace(&format!(" AS {arrow})"), &format!(" AS {sql})")).replace(&format!("value of {arrow} type"), sql)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_their_names_in_sql() {
        assert_eq!(in_sql("Cannot cast string 'x' to value of Int32 type"), "Cannot cast string 'x' to INT");
        assert_eq!(in_sql("CAST(a AS Decimal128(38, 2))"), "CAST(a AS DECIMAL(38, 2))");
    }
}
