"""Devices and processes: the mesh, where arrays lie on it, and how processes agree."""
