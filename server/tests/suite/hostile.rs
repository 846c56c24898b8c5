//! Strangers, other sites and other accounts against a running server. Tests named `attack_NN_…` carry the number of the
//! attack in the list of attacks of the design.

mod cast;
mod floods;
mod forgeries;
mod frames;
mod guessing;
mod http_one;
mod http_two;
mod oracles;
mod raw;
mod roles;
mod sessions;
mod timing;
