"""Devices and processes: the mesh, sharding of arrays, and agreement between processes."""
