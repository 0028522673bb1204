"""Ahead-of-time compilation for TPU slices that are not attached: does a step fit, and how fast could it be?"""
