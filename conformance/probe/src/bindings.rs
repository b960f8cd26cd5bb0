//! Made from `wit/`.

wit_bindgen::generate!({ path: "../../wit", world: "password-plugin", generate_all });
