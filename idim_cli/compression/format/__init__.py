"""The bytes of an .idim file: writing them, and reading them without trusting any of them."""
