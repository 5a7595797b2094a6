"""One carrier, one module, read from top to bottom. Carriers never import each other; the registry finds them."""
