//! report.html: what stands in it, what does not, and how it looks in a real browser.

mod browser;
mod rebuilt;
mod texts;
