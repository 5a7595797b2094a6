"""Help for tests of code that uses voipkit; pytest loads `voipkit.testing.plugin` by itself."""
