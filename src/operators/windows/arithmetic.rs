//! Window arithmetic: the windows of a time, the panes of a window, the next window end.

use std::fmt;

use arrow::datatypes::{DataType, Field, TimeUnit};
use serde::{Deserialize, Serialize};

use crate::common::{Error, Result};

/// The columns that every window function adds.
pub const WINDOW_COLUMNS: [&str; 3] = ["window_start", "window_end", "window_time"];

/// The kind of a window function. All lengths are positive, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum WindowKind {
    /// Windows of one size, side by side.
    Tumble {
        /// The length of a window.
        size: i64,
    },
    /// Windows of one size that begin every `slide`: they overlap, or leave gaps if the slide is longer.
    Hop {
        /// From one window's start to the next one's.
        slide: i64,
        /// The length of a window.
        size: i64,
    },
    /// Windows that share a start and grow by `step` up to `size`, a multiple of it.
    Cumulate {
        /// The difference between the lengths of successive windows.
        step: i64,
        /// The length of the longest window.
        size: i64,
    },
    /// Windows that last until no row comes for `gap`; their bounds depend on the rows.
    Session {
        /// The time from a session's last row to its end.
        gap: i64,
    },
}

/// A kind of windows, and their offset on the time line.
///
/// ```text
///  TUMBLE(size 4)      |   0   |   1   |   2   |       HOP(slide 2, size 4)    |___0___|
///                                                                                  |___1___|
///                                                                                      |___2___|
///  CUMULATE(step 2,    |_0_|                           panes of both:          |___|___|___|___|
///           size 6)    |___1___|
///                      |_____2_____|                   SESSION(gap 3)    x  x x|  |x|      a row is its own
///                      panes: |___|___|___|                              |_______|  |___|  session until others touch it
/// ```
/// A window is `[start, end)`. A *pane* is the longest span of time that no window boundary cuts: the partial aggregate of a
/// pane is shared by all windows that contain it. A pane is identified by its end, as a window is.
///
/// # Invariants
/// * All windows except sessions lie at `offset` plus whole multiples of [`Self::pane`], on both ends.
/// * For all such windows w and times t: w holds t ⇔ w is in `windows_of(t)` ⇔ the pane of t is one of w's, from `start_of(w)` on.
/// * Arithmetic saturates at the ends of time, where windows are no longer aligned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Windows {
    /// The kind of windows.
    pub kind: WindowKind,
    /// The offset of windows from 1970-01-01 00:00 UTC; 0 for sessions.
    pub offset: i64,
}

impl Windows {
    /// The windows that hold a time, as `(start, end)`, the earliest end first. For sessions, the session of
    /// a single row, `[time, time + gap)`.
    pub fn windows_of(self, time: i64) -> impl Iterator<Item = (i64, i64)> {
        let run = self.window_range(time);
        (0..run.count).map(move |i| run.window(i))
    }

    /// The same as a value, for loops over columns.
    pub(super) fn window_range(self, time: i64) -> WindowRange {
        let (first, last, step) = match self.kind {
            WindowKind::Session { gap } => {
                return WindowRange { start: time, end: time.saturating_add(gap), step: 1, grows: false, count: 1 };
            }
            WindowKind::Tumble { size } | WindowKind::Hop { size, .. } => {
                (self.end_after(time), self.floor(time, self.period()).saturating_add(size), self.period())
            }
            WindowKind::Cumulate { step, size } => (self.end_after(time), self.floor(time, size).saturating_add(size), step),
        };
        let count = if last > time { last.saturating_sub(first) / step + 1 } else { 0 };
        let grows = matches!(self.kind, WindowKind::Cumulate { .. });
        WindowRange { start: self.start_of(first), end: first, step, grows, count: u64::try_from(count).unwrap_or(0) }
    }

    /// The start of the window with this end.
    pub fn start_of(self, end: i64) -> i64 {
        match self.kind {
            WindowKind::Tumble { size } | WindowKind::Hop { size, .. } => end.saturating_sub(size),
            WindowKind::Cumulate { size, .. } => self.floor(end.saturating_sub(1), size),
            WindowKind::Session { gap } => end.saturating_sub(gap),
        }
    }

    /// The length of a pane; `None` for sessions, which have none.
    pub fn pane(self) -> Option<i64> {
        match self.kind {
            WindowKind::Tumble { size } => Some(size),
            WindowKind::Hop { slide, size } => Some(greatest_common_divisor(slide, size)),
            WindowKind::Cumulate { step, .. } => Some(step),
            WindowKind::Session { .. } => None,
        }
    }

    /// The windows that hold a pane, as `(start, end)`, the earliest end first; none for sessions.
    pub fn windows_of_pane(self, pane_end: i64) -> impl Iterator<Item = (i64, i64)> {
        self.pane().into_iter().flat_map(move |pane| self.windows_of(pane_end.saturating_sub(pane)))
    }

    /// The end of the first window of a pane that ends after a time; `None` if none does, and for sessions.
    pub fn pane_ends_after(self, pane_end: i64, time: i64) -> Option<i64> {
        let pane = self.pane()?;
        let last = self.last_end(pane_end.saturating_sub(pane))?;
        // The windows of a pane end at every window end from its own to the last one's.
        self.first_end_after(time.max(pane_end.saturating_sub(1))).filter(|end| *end <= last)
    }

    /// The end of the last pane whose windows have all ended when time has reached `watermark`. Windows must not have gaps.
    pub fn panes_done(self, watermark: i64) -> i64 {
        match self.kind {
            _ if watermark == i64::MAX => watermark,
            WindowKind::Hop { slide, size } => self.floor(watermark.saturating_sub(size), slide).saturating_add(slide),
            WindowKind::Tumble { size } | WindowKind::Cumulate { size, .. } => self.floor(watermark, size),
            WindowKind::Session { .. } => watermark,
        }
    }

    /// The least end of a window above a time, whether the window contains the time or not; `None` for sessions.
    pub fn first_end_after(self, time: i64) -> Option<i64> {
        (!matches!(self.kind, WindowKind::Session { .. })).then(|| self.end_after(time))
    }

    /// The end of the last window that holds a time; `None` if none does. After it, a row of this time is no longer needed.
    pub fn last_end(self, time: i64) -> Option<i64> {
        let run = self.window_range(time);
        run.count.checked_sub(1).map(|i| run.window(i).1)
    }

    /// The same windows with lengths in another unit: `per_milli` units are a millisecond.
    #[must_use]
    pub fn times(self, per_milli: i64) -> Self {
        let scale = |length: i64| length.saturating_mul(per_milli);
        let kind = match self.kind {
            WindowKind::Tumble { size } => WindowKind::Tumble { size: scale(size) },
            WindowKind::Hop { slide, size } => WindowKind::Hop { slide: scale(slide), size: scale(size) },
            WindowKind::Cumulate { step, size } => WindowKind::Cumulate { step: scale(step), size: scale(size) },
            WindowKind::Session { gap } => WindowKind::Session { gap: scale(gap) },
        };
        Self { kind, offset: scale(self.offset) }
    }

    /// The distance of window starts.
    fn period(self) -> i64 {
        match self.kind {
            WindowKind::Tumble { size } | WindowKind::Cumulate { size, .. } => size,
            WindowKind::Hop { slide, .. } => slide,
            WindowKind::Session { gap } => gap,
        }
    }

    /// The least end of a window above a time.
    fn end_after(self, time: i64) -> i64 {
        match self.kind {
            WindowKind::Cumulate { step, .. } => self.floor(time, step).saturating_add(step),
            // Ends are starts plus the size.
            WindowKind::Tumble { size } | WindowKind::Hop { size, .. } => {
                let period = self.period();
                self.floor(time.saturating_sub(size), period).saturating_add(size).saturating_add(period)
            }
            WindowKind::Session { gap } => time.saturating_add(gap),
        }
    }

    /// The last multiple of `step`, counted from the offset, that is not after a time.
    pub(super) fn floor(self, time: i64, step: i64) -> i64 {
        time.saturating_sub(time.saturating_sub(self.offset).rem_euclid(step.max(1)))
    }
}

/// The windows that hold a time: the first one, the distance to the next, and their number.
#[derive(Debug, Clone, Copy)]
pub(super) struct WindowRange {
    start: i64,
    end: i64,
    step: i64,
    /// Whether all windows share one start.
    grows: bool,
    /// The number of windows.
    pub(super) count: u64,
}

impl WindowRange {
    /// The i-th window, as `(start, end)`.
    pub(super) fn window(self, i: u64) -> (i64, i64) {
        let ahead = self.step.saturating_mul(i64::try_from(i).unwrap_or(i64::MAX));
        (if self.grows { self.start } else { self.start.saturating_add(ahead) }, self.end.saturating_add(ahead))
    }
}

fn greatest_common_divisor(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

impl fmt::Display for Windows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            WindowKind::Tumble { size } => write!(f, "TUMBLE(size={size} ms")?,
            WindowKind::Hop { slide, size } => write!(f, "HOP(slide={slide} ms, size={size} ms")?,
            WindowKind::Cumulate { step, size } => write!(f, "CUMULATE(step={step} ms, size={size} ms")?,
            WindowKind::Session { gap } => write!(f, "SESSION(gap={gap} ms")?,
        }
        if self.offset != 0 {
            write!(f, ", offset={} ms", self.offset)?;
        }
        write!(f, ")")
    }
}

/// The type of the window columns over a time column: its own, but not coarser than milliseconds, because
/// `window_time` is end − 1 ms.
///
/// # Errors
/// When the column is not a timestamp.
pub fn window_type(time: &DataType) -> Result<DataType> {
    match time {
        DataType::Timestamp(TimeUnit::Second, zone) => Ok(DataType::Timestamp(TimeUnit::Millisecond, zone.clone())),
        DataType::Timestamp(..) => Ok(time.clone()),
        other => Err(Error::internal(format!("windows over a column of type {other}"))),
    }
}

/// The fields of the window columns, of [`window_type`].
pub fn window_fields(data_type: &DataType) -> [Field; 3] {
    WINDOW_COLUMNS.map(|name| Field::new(name, data_type.clone(), true))
}

/// The number of units of a [`window_type`] per millisecond.
pub fn per_milli(window_type: &DataType) -> i64 {
    match window_type {
        DataType::Timestamp(TimeUnit::Microsecond, _) => 1_000,
        DataType::Timestamp(TimeUnit::Nanosecond, _) => 1_000_000,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_next_window_of_a_pane_is_found_without_a_walk() {
        let kinds =
            [WindowKind::Hop { slide: 2, size: 6 }, WindowKind::Hop { slide: 3, size: 7 }, WindowKind::Cumulate { step: 2, size: 8 }];
        for (kind, offset) in kinds.into_iter().flat_map(|kind| [0, 1, 5].map(|offset| (kind, offset))) {
            let windows = Windows { kind, offset };
            for (pane, time) in (-30..30).flat_map(|t| (-40..40).map(move |time| (t, time))) {
                let Some(pane) = pane_of(windows, pane) else { continue };
                let walked = windows.windows_of_pane(pane).map(|(_, end)| end).find(|end| *end > time);
                assert_eq!(windows.pane_ends_after(pane, time), walked, "{windows}: pane {pane} after {time}");
            }
        }
    }

    use std::ops::RangeInclusive;

    use super::WindowKind::{Cumulate, Hop, Session, Tumble};
    use super::*;

    /// The end of the pane that holds a time. In the gaps of a HOP there are panes that belong to no window.
    fn pane_of(windows: Windows, time: i64) -> Option<i64> {
        windows.pane().map(|pane| windows.floor(time, pane).saturating_add(pane))
    }

    /// The ends of a window's first and last pane.
    fn panes_of_window(windows: Windows, end: i64) -> Option<RangeInclusive<i64>> {
        windows.pane().map(|pane| windows.start_of(end).saturating_add(pane)..=end)
    }

    const KINDS: [WindowKind; 9] = [
        Tumble { size: 1 },
        Tumble { size: 7 },
        Hop { slide: 2, size: 6 },
        Hop { slide: 4, size: 6 },
        Hop { slide: 5, size: 3 },
        Hop { slide: 6, size: 4 },
        Hop { slide: 1, size: 5 },
        Cumulate { step: 2, size: 6 },
        Cumulate { step: 5, size: 5 },
    ];

    /// Every window near 1970, by the definition of its kind.
    fn all(windows: Windows) -> Vec<(i64, i64)> {
        let mut all = Vec::new();
        for k in -60..60 {
            let at = |period: i64| windows.offset + k * period;
            match windows.kind {
                Tumble { size } => all.push((at(size), at(size) + size)),
                Hop { slide, size } => all.push((at(slide), at(slide) + size)),
                Cumulate { step, size } => all.extend((1..=size / step).map(|n| (at(size), at(size) + n * step))),
                Session { .. } => {}
            }
        }
        all.sort_by_key(|(start, end)| (*end, *start));
        all
    }

    #[test]
    fn agrees_with_the_definition() {
        for windows in KINDS.into_iter().flat_map(|kind| [0, 1, -1, 3, -17, 100].map(|offset| Windows { kind, offset })) {
            let all = all(windows);
            let pane = windows.pane().unwrap();
            let reach = if matches!(windows.kind, Tumble { size: 1 } | Hop { slide: 1, .. }) { 30 } else { 50 };
            for time in windows.offset - reach..windows.offset + reach {
                let holding: Vec<_> = all.iter().copied().filter(|(start, end)| (*start..*end).contains(&time)).collect();
                assert_eq!(windows.windows_of(time).collect::<Vec<_>>(), holding, "{windows} at {time}");
                assert_eq!(windows.last_end(time), holding.last().map(|w| w.1), "{windows} at {time}");
                assert_eq!(windows.first_end_after(time), all.iter().map(|w| w.1).find(|end| *end > time), "{windows} at {time}");
                let pane_end = pane_of(windows, time).unwrap();
                assert!((pane_end - pane..pane_end).contains(&time), "{windows} at {time}");
                assert_eq!(windows.windows_of_pane(pane_end).collect::<Vec<_>>(), holding, "{windows}, pane {pane_end}");
                for (start, end) in holding {
                    assert_eq!(windows.start_of(end), start, "{windows}, {end}");
                    let panes = panes_of_window(windows, end).unwrap();
                    assert!(panes.contains(&pane_end), "{windows}, {end}: {panes:?} without {pane_end}");
                    assert_eq!((panes.start() - pane, *panes.end()), (start, end), "{windows}");
                }
            }
        }
    }

    #[test]
    fn panes_are_done_with_their_last_window() {
        let overlapping = |kind: &WindowKind| !matches!(kind, Hop { slide, size } if slide > size);
        for windows in KINDS.into_iter().filter(overlapping).flat_map(|kind| [0, 1, -17].map(|offset| Windows { kind, offset })) {
            let pane = windows.pane().unwrap();
            for watermark in -20..20 {
                let done = windows.panes_done(watermark);
                let last = |pane_end: i64| windows.last_end(pane_end - pane).unwrap();
                assert!(last(done) <= watermark && last(done + pane) > watermark, "{windows} at {watermark}");
                assert_eq!(pane_of(windows, done), Some(done + pane), "{windows} at {watermark}");
            }
        }
    }

    #[test]
    fn panes_are_as_long_as_they_can_be() {
        let pane = |kind| Windows { kind, offset: 0 }.pane();
        assert_eq!(pane(Hop { slide: 4, size: 6 }), Some(2));
        assert_eq!(pane(Hop { slide: 6, size: 4 }), Some(2));
        assert_eq!(pane(Hop { slide: 1_000, size: 86_400_000 }), Some(1_000));
        assert_eq!(pane(Session { gap: 5 }), None);
    }

    #[test]
    fn a_row_is_a_session_of_its_own() {
        let session = Windows { kind: Session { gap: 5 }, offset: 0 };
        assert_eq!(session.windows_of(-3).collect::<Vec<_>>(), [(-3, 2)]);
        assert_eq!((session.last_end(-3), session.first_end_after(-3)), (Some(2), None));
        assert_eq!((panes_of_window(session, 2), session.windows_of_pane(2).count()), (None, 0));
    }

    #[test]
    fn the_ends_of_time_do_no_harm() {
        for windows in KINDS.into_iter().map(|kind| Windows { kind, offset: 3 }.times(1_000_000)) {
            for time in [i64::MIN, i64::MIN + 1, i64::MAX - 1, i64::MAX] {
                let some = windows.windows_of(time).take(10).count();
                assert!(some <= 10 && windows.last_end(time).is_none_or(|end| end >= time), "{windows} at {time}");
                let _ = (windows.first_end_after(time), windows.windows_of_pane(time).next(), panes_of_window(windows, time));
            }
        }
    }
}
