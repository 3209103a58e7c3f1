"""An API of real flights to try everything on."""
