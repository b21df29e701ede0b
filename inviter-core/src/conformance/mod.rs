//! Conformance suites: what every implementation of the core's traits has to pass.
