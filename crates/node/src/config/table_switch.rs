/// How a setting such as `http`, which is also the first part of others (`http.port`), is written in
/// their table.
pub(super) fn name_in_own_table(key: &str) -> &'static str {
    match key {
        "l1" => "urls",
        _ => "enabled",
    }
}
