/// One of two amounts of work: that of every test run, or that of `make soak`, which sets
/// `PHALA_SOAK`.
pub fn soak_or<T>(soak: T, usual: T) -> T {
    if std::env::var_os("PHALA_SOAK").is_some() { soak } else { usual }
}
