//! Strangers, other sites and other accounts against a running server. Tests named `attack_NN_…` carry the number of the
//! attack in the list of attacks of the design.

mod cast;
mod forgeries;
mod guessing;
mod oracles;
mod roles;
mod sessions;
