use std::io;

/// Raises the limit of open files of this process as far as it may.
///
/// The database keeps up to a thousand files open, and every connection is one more; the usual
/// starting limit of 1,024 would be too tight.
pub(crate) fn raise_open_file_limit() {
    if let Err(error) = try_raise() {
        tracing::warn!(%error, "limit of open files could not be raised");
    }
}

fn try_raise() -> io::Result<()> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a valid `rlimit` for the whole call.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    if limit.rlim_cur >= limit.rlim_max {
        return Ok(());
    }
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: As above; the call only reads `limit`.
    if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn can_be_raised_more_than_once() {
        try_raise().expect("raised");
        try_raise().expect("raised already");
    }
}
