"""The door for IPython and Jupyter kernels."""
